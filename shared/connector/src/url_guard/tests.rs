use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use ferrule_testing::vendor::{Reply, Vendor};
use proptest::prelude::*;

use super::*;
use crate::{
    fuzz::{fuzz, piece},
    http::client,
};

/// Each must be refused outside of the local stack.
const REFUSED: &[&str] = &[
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.255.255.254/",
    "http://localhost/",
    "http://localhost./",
    "http://LOCALHOST:8080/",
    "http://a.localhost/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::]/",
    "http://0.0.0.0/",
    "http://0/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/v2/credentials",
    "http://169.254.100.1:9001/2018-06-01/runtime/invocation/next",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fd00::8]/",
    "http://[fc00::1]/",
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[::127.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001::1]/",
    "http://[2001:db8::1]/",
    "http://[3fff::1]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://2130706433/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://%31%32%37.0.0.1/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://192.0.0.1/",
    "http://192.0.2.1/",
    "http://198.18.0.1/",
    "http://198.51.100.7/",
    "http://203.0.113.7/",
    "http://192.88.99.1/",
    "http://metadata.google.internal/",
    "http://instance-data.ec2.internal/",
    "http://printer.local/",
    "http://user@example.com/",
    "http://user:pass@example.com/",
    "http://example.com@127.0.0.1/",
    "http://:secret@example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "data:text/plain,hello",
    "javascript:alert(1)",
    "unix:/var/run/docker.sock",
    "http://example.com:25/",
    "http://example.com:22/",
    "http://example.com:0/",
    "http://example.com:99999/",
    "https:///",
    "//example.com/",
    "/relative",
    "example.com",
    "",
];

const ALLOWED: &[&str] = &[
    "https://example.com/",
    "http://example.com:8080/path?x=1",
    "https://93.184.216.34/",
    "https://[2606:2800:220:1:248:1893:25c8:1946]/",
    "https://[64:ff9b::5db8:d822]/",
    "https://localhost.example.com/",
    "https://172.32.0.1/",
    "https://100.128.0.1/",
    "https://198.20.0.1/",
    "https://xn--bcher-kva.example/",
];

#[test]
fn the_table_is_long_enough_to_mean_something() {
    assert!(REFUSED.len() >= 60);
}

#[test]
fn refuses_every_way_to_say_inside() {
    for text in REFUSED {
        let failure = parse(text, false).expect_err(text);
        assert_eq!(failure.code(), "URL_REFUSED", "{text}");
    }
}

#[test]
fn calls_what_is_public() {
    for text in ALLOWED {
        assert!(parse(text, false).is_ok(), "{text}");
    }
}

#[test]
fn the_local_stack_adds_loopback_and_nothing_else() {
    for text in ["http://127.0.0.1:4566/", "http://localhost:4566/", "http://[::1]:80/"] {
        assert!(parse(text, true).is_ok(), "{text}");
    }
    for text in REFUSED.iter().filter(|text| text.contains("169.254") || text.contains("a9fe")) {
        assert!(parse(text, true).is_err(), "{text}");
    }
    for text in ["http://10.0.0.1/", "http://[fd00::8]/", "http://0.0.0.0/", "http://u@127.0.0.1/"]
    {
        assert!(parse(text, true).is_err(), "{text}");
    }
}

#[test]
fn a_refusal_does_not_repeat_a_password() {
    let failure = parse("http://user:hunter2@example.com/", false).unwrap_err();
    assert!(!format!("{failure} {failure:?}").contains("hunter2"));
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
}

#[test]
fn a_name_with_one_inside_address_is_refused_whole() {
    let mixed = addresses(&["93.184.216.34", "127.0.0.1"]);
    let error = vetted(mixed.into_iter(), false).err().unwrap();
    assert!(error.downcast_ref::<Refused>().is_some());
    assert!(vetted(std::iter::empty(), false).is_err());
    let public = addresses(&["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]);
    assert_eq!(vetted(public.clone().into_iter(), false).unwrap().collect::<Vec<_>>(), public);
}

#[tokio::test]
async fn a_name_that_resolves_to_loopback_is_refused_while_connecting() {
    let resolver = Resolver::new(false);
    let outcome = resolver.resolve("localhost".parse().unwrap()).await;
    assert!(outcome.err().unwrap().downcast_ref::<Refused>().is_some());
}

/// Answers with a public address, and from the second time on with loopback.
fn turning_inward(_: String) -> Found {
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let is_first = TIMES.fetch_add(1, Ordering::Relaxed) == 0;
    let address = if is_first { "93.184.216.34" } else { "127.0.0.1" };
    Box::pin(async move { Ok(addresses(&[address])) })
}

/// Case 29: the name is asked for each connection, and each answer is vetted.
#[tokio::test]
async fn a_name_that_turns_inward_is_refused_from_then_on() {
    let resolver = Resolver { local: false, look_up: turning_inward };
    let first = resolver.resolve("rebind.example.com".parse().unwrap()).await.unwrap();
    assert_eq!(first.collect::<Vec<_>>(), addresses(&["93.184.216.34"]));
    for _ in 0..3 {
        let again = resolver.resolve("rebind.example.com".parse().unwrap()).await;
        assert!(again.err().unwrap().downcast_ref::<Refused>().is_some());
    }
}

/// Answers with loopback, which is allowed on the local stack, and then with the metadata service.
fn turning_to_metadata(_: String) -> Found {
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let is_first = TIMES.fetch_add(1, Ordering::Relaxed) == 0;
    let address = if is_first { "127.0.0.1" } else { "169.254.169.254" };
    Box::pin(async move { Ok(addresses(&[address])) })
}

#[tokio::test]
async fn the_client_connects_to_the_address_that_was_vetted_and_to_no_later_one() {
    let vendor = Vendor::start(|_, _| Reply::json("{}")).await;
    let resolver = Resolver { local: true, look_up: turning_to_metadata };
    let client = client::build(resolver, Duration::from_secs(5)).unwrap();
    let url = vendor.url("/").replace("127.0.0.1", "rebind.example.com");
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    let failure = client::describe(client.get(&url).send().await.unwrap_err()).unwrap_err();
    assert_eq!(failure.code(), "URL_REFUSED", "{failure}");
    assert_eq!(vendor.requests().len(), 1);
}

/// Every address in every spelling that URLs know.
#[test]
fn no_spelling_of_an_inside_address_gets_through() {
    let octets = prop_oneof![
        any::<u32>(),
        select_inside().prop_flat_map(|inside| {
            any::<u32>().prop_map(move |rest| (inside & 0xFFFF_0000) | (rest & 0xFFFF))
        }),
    ];
    fuzz("addresses", octets, |bits| {
        let v4 = Ipv4Addr::from(bits);
        let [a, b, c, d] = v4.octets();
        for host in [
            v4.to_string(),
            bits.to_string(),
            format!("{bits:#x}"),
            format!("0{bits:o}"),
            format!("{a:#x}.{b}.0{c:o}.{d}"),
            format!("{a}.{}", bits & 0x00FF_FFFF),
            format!("{a}.{b}.{c}.{d}."),
            format!("[::ffff:{a}.{b}.{c}.{d}]"),
            format!("[64:ff9b::{a}.{b}.{c}.{d}]"),
        ] {
            let outcome = parse(&format!("https://{host}/"), false);
            prop_assert_eq!(outcome.is_ok(), is_public_v4(v4), "{}", host);
        }
        Ok(())
    });
}

fn select_inside() -> impl Strategy<Value = u32> {
    let inside =
        ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "172.16.0.1", "0.0.0.0"];
    proptest::sample::select(
        inside.map(|text| text.parse::<Ipv4Addr>().unwrap().to_bits()).to_vec(),
    )
}

/// Whatever a URL looks like, what is called is public.
#[test]
fn what_is_called_has_a_public_host_and_nothing_hidden() {
    const PIECES: &str = "http¦https¦://¦:¦/¦//¦\\¦@¦?¦#¦.¦127.0.0.1¦[::1]¦localhost¦example.com¦user¦:80¦:25¦\
        %2f¦%00¦%40¦0x7f.1¦①②⑦.⓪.⓪.①¦。¦\t¦\n¦ ¦file¦ftp¦javascript:¦[¦]¦-¦xn--¦é¦::ffff:a00:1";
    let pieces = || proptest::collection::vec(piece(PIECES), 0..12).prop_map(|all| all.concat());
    let under = pieces().prop_map(|rest| format!("https://{rest}"));
    let pieces = prop_oneof![pieces(), under, "\\PC{0,30}"];
    fuzz("URLs", pieces, |text| {
        let Ok(url) = parse(&text, false) else { return Ok(()) };
        prop_assert!(matches!(url.scheme(), "http" | "https"), "{}", url);
        prop_assert!(url.username().is_empty() && url.password().is_none(), "{}", url);
        prop_assert!(!BLOCKED_PORTS.contains(&url.port_or_known_default().unwrap()), "{}", url);
        match url.host().unwrap() {
            Host::Domain(name) => {
                prop_assert!(!is_inside(name) && name.parse::<IpAddr>().is_err(), "{}", url);
            }
            Host::Ipv4(v4) => prop_assert!(is_public_v4(v4), "{}", url),
            Host::Ipv6(v6) => prop_assert!(is_allowed(v6.into(), false), "{}", url),
        }
        Ok(())
    });
}
