#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

async fn answering(bytes: Vec<u8>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x?key=hidden", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(&bytes).await;
    });
    Url::parse(&url).unwrap()
}

#[tokio::test]
async fn an_answer_comes_whole_whatever_its_status() {
    let url = answering(b"HTTP/1.1 503 Busy\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\nno".to_vec()).await;
    let client = Client::new().unwrap();
    let answer = client.send(client.request(Method::GET, url), Duration::from_secs(5)).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (503, &b"no"[..]));
    assert_eq!(answer.headers["retry-after"], "3");
}

#[tokio::test]
async fn a_broken_answer_is_told_without_the_address() {
    let url = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nno".to_vec()).await;
    let client = Client::new().unwrap();
    let error = client.send(client.request(Method::GET, url), Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(&error, ClientError::Broken(why) if !why.contains("hidden")), "{error:?}");
}

#[tokio::test]
async fn a_longer_answer_is_not_read() {
    let mut bytes = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", LONGEST_ANSWER + 1).into_bytes();
    bytes.resize(bytes.len() + LONGEST_ANSWER + 1, b'x');
    let url = answering(bytes).await;
    let client = Client::new().unwrap();
    let error = client.send(client.request(Method::GET, url), Duration::from_secs(30)).await.unwrap_err();
    assert_eq!(error, ClientError::TooLarge);
}
