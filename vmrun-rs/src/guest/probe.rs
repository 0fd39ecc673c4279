//! Signs of life that cost nothing: is a port open, does SSH answer.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Whether something accepts TCP connections at `address`.
///
/// A forwarded port of a virtual network accepts them although nothing listens in the guest: [`ssh_banner`] is the better
/// sign there.
pub async fn tcp_open(address: SocketAddr, within: Duration) -> io::Result<()> {
    connect(address, within).await.map(drop)
}

pub(super) async fn connect(address: SocketAddr, within: Duration) -> io::Result<TcpStream> {
    timeout(within, TcpStream::connect(address))
        .await
        .unwrap_or_else(|_| Err(timed_out("no connection", within)))
}

pub(super) fn timed_out(what: &str, within: Duration) -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("{what} within {:.1} s", within.as_secs_f64()),
    )
}

/// The line with which an SSH server introduces itself (`SSH-2.0-OpenSSH_9.2p1 Debian-2`). Nothing is sent.
///
/// The error's kind tells what answered instead: `ConnectionRefused`, `TimedOut`, `UnexpectedEof` (accepted and closed, as
/// a forwarded port does while the guest's is shut), `InvalidData` (something that is not SSH).
pub async fn ssh_banner(address: SocketAddr, within: Duration) -> io::Result<String> {
    let answer = async {
        let mut stream = TcpStream::connect(address).await?;
        read_banner(&mut stream).await
    };
    timeout(within, answer)
        .await
        .unwrap_or_else(|_| Err(timed_out("no SSH greeting", within)))
}

/// RFC 4253, 4.2: other lines may come before the one that begins with `SSH-`; no line is longer than 255 bytes.
async fn read_banner(stream: &mut TcpStream) -> io::Result<String> {
    let (mut line, mut total) = (Vec::new(), 0);
    loop {
        let byte = stream.read_u8().await?;
        total += 1;
        if byte == b'\n' {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if text.starts_with("SSH-") {
                return Ok(text);
            }
            line.clear();
        } else {
            line.push(byte);
        }
        if line.len() > 255 || total > 16 * 1024 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "what answers does not speak SSH",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    async fn server(answer: Option<&'static [u8]>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            if let Some(answer) = answer {
                stream.write_all(answer).await.unwrap();
            } else {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
        });
        address
    }

    const WITHIN: Duration = Duration::from_millis(500);

    #[tokio::test]
    async fn a_banner_is_read_past_other_lines() {
        let address = server(Some(b"welcome\r\nSSH-2.0-OpenSSH_9.2p1\r\n")).await;
        assert_eq!(ssh_banner(address, WITHIN).await.unwrap(), "SSH-2.0-OpenSSH_9.2p1");
    }

    #[tokio::test]
    async fn each_kind_of_silence_has_its_own_error() {
        let kind = async |address| ssh_banner(address, WITHIN).await.unwrap_err().kind();
        assert_eq!(kind(server(Some(b"")).await).await, io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(server(None).await).await, io::ErrorKind::TimedOut);
        assert_eq!(kind(server(Some(&[b'x'; 400])).await).await, io::ErrorKind::InvalidData);
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(kind(closed).await, io::ErrorKind::ConnectionRefused);
        assert!(tcp_open(closed, WITHIN).await.is_err());
    }
}
