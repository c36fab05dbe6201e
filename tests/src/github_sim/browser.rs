//! A person with a browser at GitHub: follows an install link and is sent back.

use super::Sim;
use crate::world::rng::Rng;
use crate::world::{Selection, WorldError};

/// A person who is signed in to GitHub.
pub struct Person<'a> {
    sim: &'a Sim,
    user: i64,
}

impl Sim {
    /// The user of this account id, before a browser.
    pub fn person(&self, user: i64) -> Person<'_> {
        Person { sim: self, user }
    }
}

impl Person<'_> {
    /// Follows an install link and installs the App on an account. The installation's id, and the query that GitHub sends
    /// the person back with.
    pub fn install(
        &self,
        link: &str,
        account: i64,
        selection: Selection,
    ) -> Result<(i64, String), WorldError> {
        let id = self.sim.world().install(account, selection)?;
        Ok((id, self.back(link, &[("installation_id", &id.to_string()), ("setup_action", "install")])))
    }

    /// Follows an install link where the App is installed already. The query that GitHub sends the person back with.
    pub fn come_back(&self, link: &str, installation: i64) -> String {
        self.back(link, &[("installation_id", &installation.to_string()), ("setup_action", "install")])
    }

    /// Follows an install link and asks the account's owner. The query that GitHub sends the person back with.
    pub fn request(&self, link: &str, account: i64) -> Result<String, WorldError> {
        let now = self.sim.shared.clock.now();
        self.sim.world().change(|world| world.request_install(account, self.user, now))?;
        Ok(self.back(link, &[("setup_action", "request")]))
    }

    /// A code that the App's OAuth client can exchange once, within 10 minutes.
    pub fn code(&self) -> String {
        let shared = &self.sim.shared;
        let mut codes = shared.codes();
        let number = shared.codes_given.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let code = Rng::of(&[self.user.unsigned_abs(), number, 0x636f_6465]).alphanumeric(20);
        codes.insert(code.clone(), (self.user, shared.clock.now()));
        code
    }

    fn back(&self, link: &str, say: &[(&str, &str)]) -> String {
        let query = link.split_once('?').map_or("", |(_, query)| query);
        let given = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "state");
        let mut out = form_urlencoded::Serializer::new(String::new());
        out.append_pair("code", &self.code()).extend_pairs(say);
        if let Some((_, state)) = given {
            out.append_pair("state", &state);
        }
        out.finish()
    }
}
