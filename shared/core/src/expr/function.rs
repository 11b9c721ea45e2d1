//! The functions an expression may call. Whatever is not named here does not exist.

/// How a function takes its arguments and how many results it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Arguments are values; exactly one result.
    Value,
    /// Arguments are filters, run inside; any number of results.
    Filter,
    /// The first argument is a regular expression, written out; exactly one result.
    Pattern,
}

macro_rules! functions {
    ($($variant:ident $name:literal / $arity:literal $shape:ident,)*) => {
        /// A function that is allowed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        const ALL: &[(&str, usize, Function, Shape)] =
            &[$(($name, $arity, Function::$variant, Shape::$shape),)*];
    };
}

functions! {
    Abs "abs"/0 Value, Add "add"/0 Value, AddOf "add"/1 Filter, All "all"/0 Value,
    AllOf "all"/1 Filter, AllIn "all"/2 Filter, Any "any"/0 Value, AnyOf "any"/1 Filter,
    AnyIn "any"/2 Filter, Arrays "arrays"/0 Filter, AsciiDowncase "ascii_downcase"/0 Value,
    AsciiUpcase "ascii_upcase"/0 Value, Booleans "booleans"/0 Filter, Capture "capture"/1 Pattern,
    CaptureFlags "capture"/2 Pattern, Ceil "ceil"/0 Value, Contains "contains"/1 Value,
    Empty "empty"/0 Filter, EndsWith "endswith"/1 Value, Error "error"/0 Value,
    ErrorOf "error"/1 Value, False "false"/0 Value, FirstItem "first"/0 Value,
    First "first"/1 Filter, Flatten "flatten"/0 Value, Floor "floor"/0 Value,
    FromDate "fromdate"/0 Value, FromDateIso "fromdateiso8601"/0 Value,
    FromEntries "from_entries"/0 Value, FromJson "fromjson"/0 Value, GroupBy "group_by"/1 Filter,
    Gsub "gsub"/2 Pattern, GsubFlags "gsub"/3 Pattern, Has "has"/1 Value, Index "index"/1 Value,
    Inside "inside"/1 Value, IsEmpty "isempty"/1 Filter, Iterables "iterables"/0 Filter,
    Join "join"/1 Value, Keys "keys"/0 Value, KeysUnsorted "keys_unsorted"/0 Value,
    LastItem "last"/0 Value, Last "last"/1 Filter, Length "length"/0 Value,
    Limit "limit"/2 Filter, Ltrim "ltrim"/0 Value, LtrimStr "ltrimstr"/1 Value,
    Map "map"/1 Filter, MapValues "map_values"/1 Filter, Max "max"/0 Value,
    MaxBy "max_by"/1 Filter, Min "min"/0 Value, MinBy "min_by"/1 Filter, Not "not"/0 Value,
    Nth "nth"/1 Value, Null "null"/0 Value, Nulls "nulls"/0 Filter, Numbers "numbers"/0 Filter,
    Objects "objects"/0 Filter, Reverse "reverse"/0 Value, Rindex "rindex"/1 Value,
    Round "round"/0 Value, Rtrim "rtrim"/0 Value, RtrimStr "rtrimstr"/1 Value,
    Scalars "scalars"/0 Filter, Select "select"/1 Filter, Sort "sort"/0 Value,
    SortBy "sort_by"/1 Filter, Split "split"/1 Value, StartsWith "startswith"/1 Value,
    Strings "strings"/0 Filter, Sub "sub"/2 Pattern, SubFlags "sub"/3 Pattern,
    Test "test"/1 Pattern, TestFlags "test"/2 Pattern, ToBoolean "toboolean"/0 Value,
    ToDate "todate"/0 Value, ToDateIso "todateiso8601"/0 Value, ToEntries "to_entries"/0 Value,
    ToJson "tojson"/0 Value, ToNumber "tonumber"/0 Value, ToString "tostring"/0 Value,
    Trim "trim"/0 Value, True "true"/0 Value, Type "type"/0 Value, Unique "unique"/0 Value,
    UniqueBy "unique_by"/1 Filter, Utf8Length "utf8bytelength"/0 Value, Values "values"/0 Filter,
    WithEntries "with_entries"/1 Filter,
}

/// Why jq has them and we do not.
const REFUSED: &[(&str, &str)] = &[
    ("env", "expressions cannot read the environment"),
    ("halt", "expressions cannot end the process"),
    ("halt_error", "expressions cannot end the process"),
    ("input", "expressions see one record only"),
    ("inputs", "expressions see one record only"),
    ("debug", "expressions write no output of their own"),
    ("stderr", "expressions write no output of their own"),
    ("now", "the same record must always give the same result"),
    ("localtime", "use `type: datetime` with `zone` in the mapping"),
    ("strptime", "use `type: datetime` with `format` in the mapping"),
    ("range", "expressions always end: use map or .[] over the record's own lists"),
    ("recurse", "expressions always end: name the path instead"),
    ("repeat", "expressions always end: use map or .[] over the record's own lists"),
    ("until", "expressions always end: use map or .[] over the record's own lists"),
    ("while", "expressions always end: use map or .[] over the record's own lists"),
    ("walk", "expressions always end: name the path instead"),
    ("paths", "expressions always end: name the path instead"),
    ("combinations", "its result grows without bound"),
    ("getpath", "name the path instead: .a.b"),
    ("del", "build the object you want: {a, b}"),
    ("splits", "use split"),
    ("ascii", "use tostring"),
];

/// Finds a function; the error says what there is instead.
pub(super) fn find(name: &str, arity: usize) -> Result<(Function, Shape), String> {
    let known = |&&(known, takes, _, _): &&(&str, usize, _, _)| known == name && takes == arity;
    if let Some((_, _, function, shape)) = ALL.iter().find(known) {
        return Ok((*function, *shape));
    }
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Err(format!("{name} is not available: {why}"));
    }
    let arities: Vec<_> =
        ALL.iter().filter(|f| f.0 == name).map(|(_, takes, ..)| takes.to_string()).collect();
    if !arities.is_empty() {
        return Err(format!("{name} takes {} arguments, not {arity}", arities.join(" or ")));
    }
    Err(match nearest(name) {
        Some(near) => format!("there is no function {name}; did you mean {near}?"),
        None => format!("there is no function {name}"),
    })
}

fn nearest(name: &str) -> Option<&'static str> {
    let score = |known: &str| strsim::jaro_winkler(name, known);
    let best = ALL.iter().map(|f| (score(f.0), f.0)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}
