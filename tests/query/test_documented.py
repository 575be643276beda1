"""The queries that public clients, dashboards and the manual hold, and every form of the grammar."""

from __future__ import annotations

import pytest

from tapiary.query import NqlError, parse, sql_text
from tests.query.asking import Tables, ask, compiled

PROFILES = {"web": "serverPort = 443 and protocol = 6", "local": 'clientIp = "10.0.0.0/8"'}
MACROS = {
    "INT_EXT": 'clientIp = "10.0.0.0/8" and serverIp != "10.0.0.0/8"',
    "EXT_INT": 'clientIp != "10.0.0.0/8" and serverIp = "10.0.0.0/8"',
    "MACRO2": 'src stream="netflow"',
}
CATALOG = Tables(macros=MACROS, predicates=PROFILES, beside={"top10ClientIpLast15Minute_Alerts": "alerts"})
ASSETS = "matchingTrafficProfiles(clientIp,serverIp,serverPort,protocol,name=true includeAny=true)"
PRIVACY = 'lookup("hosts & subnets", "privacy", {"cidr": clientIp})'
TRIPLE = "countAlertName0=count(alertName)"
LONG = (
    'subPipe (src stream="testdata" | dst "data3"), (src stream="testdata" | '
    'aggr latestTs=max(ts) by fName, lName unwind=true | dst "data4") | '
)

#: Each with the stream that is chosen beside it; None: it names its own.
QUERIES = [
    ('src stream="alerts"', None),
    ('src stream="netflowByAppsAggr" | limit 1000', None),
    ('src stream="assetNetflowAggr" | aggr total=count(1) by serverPort as serverPortName, lookup("app", "name", '
     '{"ip": serverIp, "port": serverPort}) as appName unwind=true | sort serverPortName asc | limit 1000', None),
    ('src stream="assetDevices" | ip = "192.168.1.38"', None),
    ('src stream="ZabbixStats"', None),
    ('src stream="alerts" | clientIp = "10.0.0.1" or serverIp = "10.0.0.1" | alertName = "N"', None),
    ('src stream="alerts" | clientIp = "X" or serverIp = "X" | aggr count=count(1) by alertName, alertSeverity '
     'unwind=true | sort count desc | limit 100', None),
    (f'src stream="assetNetflowAggr" | set assetProfileNames={ASSETS} | assetProfileNames != [] | '
     'aggr dcClientIp=dc(clientIp) unwind=true | limit 1000', None),
    (f'src stream="netflow" | set clientPrivacy=if(eq({PRIVACY}, "Private"): "Private", "Public") | '
     'clientPrivacy = "Public" | limit 5', None),
    (f'src stream="assetNetflowAggr" | serverIp="192.0.2.9" | aggr Counter=dc(clientIp), Privacy=first(if(eq('
     f'{PRIVACY}, "Private"): "Private", "Public")) unwind=true | limit 1000', None),
    ('${LIMIT_SOURCE} | neq(null, ip) | aggr avgCpu_load=avg(cpu_load) by ip as ip unwind=true | '
     'sort avgCpu_load desc | limit 5 | dst "${UNIQUE_ID_0}bucket-limit"', "alerts"),
    ('(valInColl(ip, "top10ClientIpLast15Minute_Alerts", "ip") OR ip = null) | timeAggr avgCpu_load=avg(cpu_load) '
     'on timestamp by ip as ip interval="${AUTOBUCKET_INTERVAL}" dir="desc" unwind=true '
     'bucketAlias="srcEventTimestamp" | limit 1000', "alerts"),
    ("gte(mod(sub(timestamp, ${TIMERANGE_TO}), 86400000), -${TIMERANGE_IN_MS_PLACEHOLDER}) AND cpu_load > 1 | "
     "eq(isWorkingDay(timestamp), isWorkingDay(${TIMERANGE_TO})) | limit 1", "alerts"),
    ("cpu_load != null | aggr maxCpu_load=max(cpu_load) unwind=true | limit 1000", "alerts"),
    ('set zabbix_icmp_url=lookup("integration-zabbix", "icmp_url", {"ip": ip}) | zabbix_icmp_url != null | '
     'set hostname=getValue("Hostname", additional), os=getValue("OS", additional) | '
     "project +ip, +hostname, name as title | sort ip asc", "assetDevices"),
    ("aggr event_type=first(event_type), countEvent_signature=count(event_signature) by event_signature as "
     "event_signature unwind=true | sort countEvent_signature desc | limit 50", "alerts"),
    ('src event_type = "dns" | aggr countRrtype=count(dns_rrtype) by dns_rrtype as dns_rrtype | '
     "sort countRrtype desc | limit 10", "alerts"),
    ('event_type = "alert" | alert_severity >= 4 | aggr countLow=count(alert_severity) unwind=true | limit 1000',
     "alerts"),
    (LONG + 'coll "data3" | set latestTs=valColl("data4", "latestTs", {"fName":fName, "lName":lName}) | '
     'where $eq(latestTs,ts) | set fullName=concat(fName, " ", lName) | sort fullName', None),
    ('src stream="testdata" | rangeAggr valuesCount=count(balance), maxBalance=max(balance) on balance by fName,lName '
     'ranges="0-5000,8000-10000"', None),
    ('src stream="testdata" | timeAggr a=avg(age), n=count(age) on ts interval="1d" | set dateTime=tsToStr(_bucket) | '
     "sort _bucket", None),
    ('src stream="testdata" | fork (set fullName=concat(fName, " ", lName) | limit 2), '
     "(aggr fieldsCount=sum(age) by fName,lName maxBuckets=2)", None),
    ('src stream="testdata" | project -docs, fName as Imie, dep as Departament | limit 2', None),
    (f'src stream="alerts" | valInColl(clientIp, "top10ClientIpLast15Minute_Alerts", "clientIp") | splitAggr {TRIPLE} '
     '(timeAggr on timestamp interval="1m" dir="desc" bucketAlias="srcEventTimestamp"), '
     "(aggr by clientIp as clientIp unwind=true maxBuckets=20) unwind=true | sort countAlertName0 desc | limit 480",
     None),
    ('src stream="netflow" | limit 1 by clientIp', None),
    ('records {"n":0} | set funResult = anyMatchingNumber([1,2,3], 1, 1) | project +funResult', None),
    ('(serverPort=22 or applicationNameNtop="SSH") | aggr _countSessions=count(timestamp), '
     "_sumBytes=sum(add(clientBytes,serverBytes)) by clientIp, serverIp, serverPort unwind=true | "
     "sort _countSessions desc | _countSessions > 50 and _sumBytes > 1000 | limit 9", "netflow"),
    ("clientAsNumber in [4134,4837,9808] or serverAsNumber in [4134,4837,9808]", "netflow"),
    ("($INT_EXT$ or $EXT_INT$) AND (serverPort = 636 AND protocol = 6) OR (serverPort = 389 AND protocol = 17) | "
     'not any(serverFunction,["LDAP"])', "netflow"),
    ("$MACRO2$ | where serverBytes>100 | sort serverBytes | limit 1000", None),
]  # fmt: skip

#: Every production of the grammar that the queries above leave out.
FORMS = [
    "", "|", " | |", "limit 1|", "source | limit 1", 'SRC STREAM="testdata"', 'src stream="testdata" age > 30',
    'src stream="testdata" startTime="-1h@now" endTime="@now"', 'src stream="testdata" startTime=5 endTime="@6"',
    'dst c | coll c bunchSize=2', 'dst "c" | limit 1', "collector c", 'records {"a":1,b:[1,2]},{},{"a":{"x":"y"}}',
    "add age=1, x=2", "set x=true, y=false, z=null", 'set "x y"=1 | project +"x y" as z',
    "sort age, fName desc, lName asc limit=5 outLimit=4", "limit 2, ALL", "limit 1, 2 by fName, dep", "tail 3",
    "top dep", "rare dep by fName as f, lName limit=2 others=true maxBuckets=9", "top upper(dep) limit=1",
    "fork (limit 1), (), (src stream=\"alerts\")", "SUBPIPE (src stream=\"alerts\" | dst d), (coll d | dst e)",
    "sleep 5", "unwind docs includeEmpty=true",
    "fields maxFields=2 maxTuples=10 topCount=3 maxDistinctValuesPerField=9",
    "aggr by dep", "aggr n=count(1)", "AGGR n=COUNT(1) by dep as d, upper(fName) unwind=true maxBuckets=3",
    'timeAggr n=count(1) on ts by dep interval="5m" dir=asc maxBuckets=3 bucketAlias=b unwind=true',
    "timeAggr n=count(1) by dep on ts", 'rangeAggr n=count(1) on age ranges="-5--1,0-30.5" bucketAlias="b" unwind=true',
    'splitAggr n=count(1) (aggr by dep), (timeAggr on ts interval="1d" dir=desc maxBuckets=2), (aggr by fName)',
    'join kind=left (src stream="testdata" | limit 5) on fName = lName, dep suffix="_b"',
    "join (records {age:1}) on age",
    "not not age = 1 AND NOT (dep = null OR docs != [])", "age not in [1,2] or age in [] and not (fName in docs)",
    "age == -5 or age = 1.5e3d or age = 5l or age = 2F", 'fName ~= "J?c*" or fName = /^J.c\\/k$/ or fName != /a"b/',
    'fName = "say \\"hi\\" \\\\ \\n \\d"', "$eq(age, 5) and eq (age,5)", 'switch(age, 1: "a", 2: "b", "c") = "a"',
    'if(age > 5 and dep = "IT": fName, lName) = "x"',
    "concat(fName, lName, delimiter=\",\" limit=2, distinct=true)!=null",
    "`fName` = 5", "(age) = 5", "age > (5)", "limit = 5 or set > 2", "explain age = 1 | limit 1",
    "set a = lookup(\"app\", \"name\", {\"ip\": null}, default=\"x\")", "żółw = 5", "top = 1",
]  # fmt: skip


@pytest.mark.parametrize(("text", "stream"), QUERIES, ids=[f"query {n + 1}" for n in range(len(QUERIES))])
def test_the_queries_of_public_clients_run(text: str, stream: str | None) -> None:
    ask(text, CATALOG, default_stream=stream)


@pytest.mark.parametrize("other", ["noSuchField = 1", "serverPort = ", f"{ASSETS} != []", "nope(1)"])
def test_a_profile_that_cannot_be_asked_spoils_no_other(other: str) -> None:
    catalog = Tables(predicates={"other": other, "web": "serverPort = 443"})
    rows = ask(f'src stream="assetNetflowAggr" | set p={ASSETS}', catalog)

    assert {(row["serverPort"] == 443, *row["p"]) for row in rows} == {(True, "web"), (False,)}


def test_a_client_counts_ports_by_their_names() -> None:
    text, _ = QUERIES[2]

    assert sorted((tuple(row.items()) for row in ask(text, CATALOG)), key=str) == [
        (("total", 1), ("serverPortName", 22), ("appName", None)),
        (("total", 1), ("serverPortName", 443), ("appName", None)),
        (("total", 2), ("serverPortName", 443), ("appName", "web")),
    ]


@pytest.mark.parametrize("text", FORMS)
def test_every_form_of_the_grammar_is_read(text: str) -> None:
    parse(text)


@pytest.mark.parametrize("text", FORMS)
def test_every_form_compiles_or_is_refused_with_a_reason(text: str) -> None:
    if text not in REFUSED:
        assert sql_text(compiled(text, default_stream="testdata"))
        return
    with pytest.raises(NqlError) as caught:
        compiled(text, default_stream="testdata")
    assert caught.value.message.startswith(f"line {caught.value.line}, column {caught.value.column}: there is no")


#: Forms that are read but name what there is not.
REFUSED = {
    "collector c", 'limit = 5 or set > 2', "żółw = 5", "top = 1",
}  # fmt: skip


@pytest.mark.parametrize("text", [text for text in FORMS if text not in REFUSED])
def test_every_form_runs(text: str) -> None:
    ask(text, default_stream="testdata")
