//! Customer records of about 1 KB, always the same: nested, and 1 in 50 of them wrong.

/// How many of 1,000 records must be refused.
pub(crate) const INVALID: usize = 20;

/// The expression of the definition, for measuring it alone.
pub(crate) const EXPRESSION: &str = "if .billing.plan.tier == \"enterprise\" and (.flags.tags | length) > 1 \
                              then \"key\" else \"standard\" end";

/// The definition: eight converted columns, one expression, two checks.
pub(crate) const DEFINITION: &str = r#"{
  "apiVersion": "ferrule/v1", "kind": "Integration", "metadata": {"name": "customers"},
  "source": {"connection": "shop", "path": "/customers"},
  "map": {
    "external_id": {"from": ".id", "required": true},
    "full_name": {"concat": [".profile.name.first", " ", ".profile.name.last"]},
    "email": {"from": ".profile.email", "trim": true, "lower": true, "required": true,
              "pattern": "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$"},
    "country": {"from": ".address.country", "upper": true, "required": true, "pattern": "^[A-Z]{2}$"},
    "balance_cents": {"from": ".billing.balance", "type": "int", "scale": 2, "min": 0, "max": 100000000},
    "seats": {"from": ".billing.plan.seats", "type": "int", "min": 1, "max": 10000},
    "active": {"from": ".flags.active", "type": "bool", "required": true},
    "created_at": {"from": ".created_at", "type": "epoch"},
    "segment": {"expr": "if .billing.plan.tier == \"enterprise\" and (.flags.tags | length) > 1 then \"key\" else \"standard\" end"}
  },
  "validate": [
    {"required": ["external_id", "full_name", "created_at"]},
    {"when": ".seats > 9000 and .segment != \"key\"", "do": "park", "code": "SEATS"}
  ],
  "output": {"connection": "crm", "key": ".external_id"}
}"#;

/// Splitmix: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap_or(0)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

/// Makes `count` records as JSON texts.
pub(crate) fn records(count: usize) -> Vec<String> {
    let mut dice = Dice(42);
    (0..count).map(|at| record(at, &mut dice)).collect()
}

fn record(at: usize, dice: &mut Dice) -> String {
    let first = dice.pick(&["Ann", "Björn", "Chloé", "Dmitri", "Eve", "Fatima", "Grace", "Hiro"]);
    let last = dice.pick(&["Smith", "Åkesson", "Dupont", "Ivanov", "O'Hara", "Khan", "Tanaka"]);
    // Every fiftieth record has something that must be refused, a different thing each time.
    let wrong = (at % 50 == 7).then_some(at / 50 % 5);
    let email = match wrong {
        Some(0) => "not an address".to_owned(),
        _ => format!("  {first}.{}{at}@Example.COM ", dice.pick(&["a", "b", "c"])),
    };
    let country = if wrong == Some(1) { "Germany" } else { dice.pick(&["de", "SE", "fr", "us"]) };
    let balance = match wrong {
        Some(2) => "12.345".to_owned(),
        _ => format!("{}.{:02}", dice.roll(1_000_000), dice.roll(100)),
    };
    let seats = match wrong {
        Some(3) => "many".to_owned(),
        _ => (1 + dice.roll(9000)).to_string(),
    };
    let active = match wrong {
        Some(4) => "\"perhaps\"",
        _ => dice.pick(&["true", "\"yes\"", "\"1\"", "false", "\"no\"", "\"0\""]),
    };
    let offset = dice.pick(&["Z", "+02:00", "-05:00", "+05:30"]);
    let (day, hour, minute) = (1 + dice.roll(28), dice.roll(24), dice.roll(60));
    let tier = dice.pick(&["free", "team", "enterprise"]);
    let tags = dice.pick(&["[]", r#"["beta"]"#, r#"["beta","vip","newsletter"]"#]);
    let note = "Prefers to be called in the morning; asked twice for a quote on the larger plan. ";
    format!(
        r#"{{"id":"cus_{at:08}","object":"customer","profile":{{"name":{{"first":"{first}","last":"{last}","suffix":null}},"email":"{email}","phone":"+46 70 {phone:07}","locale":"sv-SE","marketing":{{"opt_in":true,"source":"webinar","score":{score}.{at}}}}},"address":{{"street":"Storgatan {at}","city":"Göteborg","zip":"{zip}","country":"{country}","geo":{{"lat":57.70887,"lon":11.97456}}}},"billing":{{"currency":"SEK","balance":"{balance}","plan":{{"tier":"{tier}","seats":"{seats}","renews":true}},"invoices":[{{"id":"in_{at}1","total":"129.00","paid":true}},{{"id":"in_{at}2","total":"249.50","paid":false}}]}},"flags":{{"active":{active},"tags":{tags},"legacy":false}},"notes":"{note}{note}","created_at":"2024-{month:02}-{day:02}T{hour:02}:{minute:02}:09{offset}","updated_at":"2025-11-22T08:00:00Z","metadata":{{"crm_id":{crm},"region":"north","owner":"team-{team}","import":"2024-q3"}}}}"#,
        phone = dice.roll(9_999_999),
        score = dice.roll(100),
        zip = 10_000 + dice.roll(80_000),
        month = 1 + dice.roll(12),
        crm = 9_007_199_254_740_993_u64 + at as u64,
        team = dice.roll(12),
    )
}
