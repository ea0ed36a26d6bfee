//! Name servers that mean harm.

use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;

use super::*;

const A: u16 = 1;
const AAAA: u16 = 28;

/// A name server that gives each of these addresses once, one after the other, and then the last one for ever. It returns
/// its address, and how often it was asked for one.
async fn name_server(addresses: Vec<IpAddr>) -> (SocketAddr, Arc<Mutex<usize>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let at = socket.local_addr().expect("an address");
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut query).await {
            let answer = {
                let mut asked = count.lock();
                let address = addresses[addresses.len().min(*asked + 1) - 1];
                let (answer, is_of_its_kind) = reply_to(&query[..length], address);
                *asked += usize::from(is_of_its_kind);
                answer
            };
            // A client that has gone needs no answer.
            let _ = socket.send_to(&answer, client).await;
        }
    });
    (at, asked)
}

/// The answer (RFC 1035, section 4.1): the address where such an address was asked for, else none.
fn reply_to(query: &[u8], address: IpAddr) -> (Vec<u8>, bool) {
    let mut end = 12;
    while query[end] != 0 {
        end += 1 + usize::from(query[end]);
    }
    let question = &query[12..end + 5];
    let asked_for = u16::from_be_bytes([query[end + 1], query[end + 2]]);
    let (kind, data) = match address {
        IpAddr::V4(v4) => (A, v4.octets().to_vec()),
        IpAddr::V6(v6) => (AAAA, v6.octets().to_vec()),
    };
    let answers = u8::from(asked_for == kind);
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(question);
    if answers == 1 {
        let length = u8::try_from(data.len()).expect("4 or 16");
        // The name of the question, the kind, the Internet, a TTL of 0.
        reply.extend([0xc0, 12, 0, u8::try_from(kind).expect("1 or 28"), 0, 1, 0, 0, 0, 0, 0, length]);
        reply.extend(data);
    }
    (reply, answers == 1)
}

async fn rig_asking(
    addresses: &[&str],
    sites: &[&HostPort],
    ca_pem: Option<&str>,
) -> (Rig, Arc<Mutex<usize>>) {
    let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    let (server, asked) = name_server(addresses).await;
    let (config, log) = config(sites, ca_pem, None);
    let guard = Guard::with_names_by(config, |allow, _| Resolver::asking(server, allow));
    (Rig { guard: guard.expect("a guard"), log }, asked)
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_that_is_called_whatever_is_answered_next() {
    let server = TestServer::start("psa.example.com", |_| Reply::Text(EMPTY.to_owned())).await;
    let host = server.host("psa.example.com");
    // Nobody listens at the first address; at the second the server would answer.
    let (rig, asked) = rig_asking(&["127.0.0.2", "127.0.0.1"], &[&host], Some(&server.ca_pem)).await;
    assert_eq!(rig.get(&host).await.map(|answer| answer.status), Err(Fault::Connection));
    assert_eq!((*asked.lock(), server.requests().len()), (1, 0), "asked once a call");
    assert_eq!(rig.get(&host).await.map(|answer| answer.status), Ok(200));
    assert_eq!((*asked.lock(), server.requests().len()), (2, 1));
}

#[tokio::test]
async fn a_name_that_leads_to_a_neighbour_is_not_called_however_its_address_is_written() {
    let host: HostPort = "na.myconnectwise.net".parse().expect("a host");
    for address in [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2001::1",
        "2002:7f00:1::1",
        "2001:db8::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ] {
        let (rig, asked) = rig_asking(&[address], &[], None).await;
        assert_eq!(rig.get(&host).await.map(|answer| answer.status), Err(Fault::PrivateAddress), "{address}");
        assert_eq!(*asked.lock(), 1, "{address}");
        assert_eq!(rig.outcomes(), [("systemInfo", "private_address")], "{address}");
    }
}
