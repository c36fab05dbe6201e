//! The catalog's formats: what an uploaded file must look like, and the columns that the application's own database
//! needs. Rules only; the stores are elsewhere.

pub mod csv;
pub mod ddl;
pub mod json_lines;
mod lines;
pub mod parse;

pub use lines::LINE_LIMIT;
