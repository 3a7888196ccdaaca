"""Random commands for two servers: what people say, in any letter case, with words left out, added and put in others' places."""

from hypothesis import strategies as st

POOLS: dict[str, list[bytes]] = {
    "protocol": [b"2", b"3", b"4", b"x", b""],
    "name": [b"me", b"", b"a b", b"a\nb", b"x" * 70, b"\xff"],
    "user": [b"alice", b"bob", b"default", b"nobody", b"a b"],
    "password": [b"pw", b"secret", b"", b"\xff\0", b"wrong"],
    "channel": [b"one", b"two", b"", b"\xff\0\r\n", b"news.1"],
    "pattern": [b"*", b"o*", b"[a-z]*", b"news.?", b"\xff*", b"["],
    "message": [b"hello", b"", b"\0\xff\r\n", b"m" * 200],
    "key": [b"nokey", b"a", b"", b"\xff\0", b"team:1"],
    "number": [b"0", b"1", b"-1", b"15", b"16", b"100", b"x", b"", b"9223372036854775807", b"9223372036854775808", b"01"],
    "short": [b"0", b"1", b"30", b"-1", b"x"],
    "word": [b"", b"a", b"*", b"\xff\0\r\n'\"", b"w" * 150, b"ON", b"ID", b"0", b"-1"],
    "switch": [b"ON", b"OFF", b"SKIP", b"maybe"],
    "id": [b"<id:0>", b"<id:1>", b"<id:2>", b"0", b"99999", b"x", b"-1"],
    "address": [b"<addr:0>", b"<addr:1>", b"<addr:2>", b"127.0.0.1:1", b"x"],
    "type": [b"normal", b"pubsub", b"replica", b"master", b"x"],
    "mode": [b"WRITE", b"ALL", b"x"],
    "rule": [
        *b"on off nopass resetpass >pw >secret <pw #12 !12 ~* ~a* ~team:* %R~b* %W~c %RW~d %~x allkeys resetkeys &* &one &news.*".split(),
        *b"allchannels resetchannels +@all -@all allcommands nocommands +ping -ping +echo -publish +client|id".split(),
        *b"-client|kill -config +config".split(),
        *b"+config|get +select|0 +nosuch -nosuch|x +ping|x +@nosuch +client|nosuch reset sanitize-payload skip-sanitize-payload".split(),
        *b"+subscribe +multi +exec +del +acl|whoami clearselectors foo ~ & + -".split(),
        b"~a b",
        b"&a b",
        b"",
    ],
    "parameter": [
        *b"timeout tcp-keepalive slowlog-max-len notify-keyspace-events".split(),
        *b"client-output-buffer-limit proto-max-bulk-len client-query-buffer-limit acllog-max-len requirepass acl-pubsub-default".split(),
        *b"latency-tracking nosuch".split(),
    ],
    "value": [
        *b"0 1 100 -1 x yes no 1mb 1gb 64 KEA Kx A secret pw allchannels resetchannels 9223372036854775807 128".split(),
        b"",
        b"normal 0 0 0",
        b"pubsub 64mb 16mb 60",
        b"normal 0 0 0 pubsub 32mb 8mb 60",
        b"normal 0 0",
        b"nosuch 0 0 0",
    ],
    "parameters": [b"timeout", b"*max-len", b"slowlog-*", b"client-*-limit", b"nosuch*", b"TIMEOUT", b"notify-*", b"requirepass"],
    "category": [b"pubsub", b"transaction", b"nosuch", b"PUBSUB"],
    "any": [b"<any:%d>" % number for number in range(0, 1000, 7)],
}
"""Words to put where a phrase has the name of the pool."""

PHRASES = """
PING|PING word|ECHO word|ECHO message|SELECT number|RESET|QUIT
HELLO|HELLO protocol|HELLO 2|HELLO 3|HELLO protocol SETNAME name|HELLO protocol AUTH user password|HELLO 3 AUTH user password SETNAME name
AUTH password|AUTH user password
CLIENT GETNAME|CLIENT SETNAME name|CLIENT ID|CLIENT REPLY switch|CLIENT NO-EVICT switch|CLIENT UNPAUSE|CLIENT PAUSE short
CLIENT PAUSE short mode
CLIENT KILL address|CLIENT KILL ID id|CLIENT KILL TYPE type|CLIENT KILL USER user|CLIENT KILL ADDR address SKIPME word
CLIENT KILL ID id SKIPME no
CLIENT UNBLOCK id|CLIENT LIST ID 99999|CLIENT word
CONFIG GET parameters|CONFIG GET parameters parameters|CONFIG SET parameter value|CONFIG SET parameter value parameter value
CONFIG RESETSTAT
MULTI|MULTI|EXEC|EXEC|DISCARD|WATCH key|WATCH key key|UNWATCH
SUBSCRIBE channel|SUBSCRIBE channel channel|PSUBSCRIBE pattern|PSUBSCRIBE pattern pattern|SSUBSCRIBE channel
UNSUBSCRIBE|UNSUBSCRIBE channel|PUNSUBSCRIBE|PUNSUBSCRIBE pattern|SUNSUBSCRIBE|SUNSUBSCRIBE channel
PUBLISH channel message|PUBLISH channel message|SPUBLISH channel message
PUBSUB CHANNELS|PUBSUB CHANNELS pattern|PUBSUB NUMSUB channel channel|PUBSUB NUMPAT|PUBSUB SHARDCHANNELS|PUBSUB SHARDNUMSUB channel
PUBSUB word
SCAN number|SCAN 0 MATCH pattern|SCAN 0 COUNT number|SCAN 0 TYPE word|SCAN 0 word number|KEYS pattern|RANDOMKEY|DBSIZE
EXISTS key|EXISTS key key|TYPE key|DEL key|DEL key key|UNLINK key|TTL key|PTTL key|EXPIRETIME key|PEXPIRETIME key|PERSIST key
TOUCH key key
OBJECT ENCODING key|OBJECT FREQ key|OBJECT IDLETIME key|OBJECT REFCOUNT key|OBJECT word key|FLUSHALL|FLUSHDB ASYNC|FLUSHALL word
COMMAND GETKEYS any key key|COMMAND GETKEYS PING word|COMMAND GETKEYS DEL key key|COMMAND GETKEYSANDFLAGS DEL key|COMMAND INFO nosuch
COMMAND word
COMMAND LIST FILTERBY PATTERN pin*|COMMAND LIST FILTERBY word word
ACL SETUSER user|ACL SETUSER user rule|ACL SETUSER user rule rule rule|ACL SETUSER alice on >pw +@all ~* &*
ACL SETUSER bob on nopass rule rule
ACL GETUSER user|ACL DELUSER alice|ACL DELUSER user user|ACL WHOAMI|ACL USERS|ACL DRYRUN user any word|ACL DRYRUN user any
ACL CAT category
ACL DRYRUN user PUBLISH channel message|ACL DRYRUN user DEL key key|ACL word
SLOWLOG LEN|SLOWLOG RESET|SLOWLOG GET 0|SLOWLOG word|LATENCY RESET|LATENCY RESET word
MEMORY USAGE key|MEMORY USAGE key SAMPLES number|MEMORY word|WAIT 0 short|ROLE|READONLY
LASTSAVE word|SWAPDB 0 number|SCRIPT EXISTS word|FUNCTION FLUSH
any|any word|any word word|any word word word|NOSUCH word|word word
"""
"""A word in upper case stands for itself, one that names a pool for a word of that pool."""


def phrases() -> list[list[bytes]]:
    """Each phrase as its words."""
    return [phrase.encode().split() for line in PHRASES.strip().splitlines() for phrase in line.split("|")]


@st.composite
def commands(draw: st.DrawFn) -> list[bytes]:
    """The words of a command; sometimes with one word more, less or different."""
    words = [draw(st.sampled_from(POOLS[word.decode()])) if word.decode() in POOLS else word for word in draw(st.sampled_from(phrases()))]
    match draw(st.integers(0, 19)):
        case 19 if len(words) > 1:
            words.pop()
        case 18:
            words.append(draw(st.sampled_from(POOLS["word"])))
        case 17:
            words[draw(st.integers(0, len(words) - 1))] = draw(st.binary(max_size=10))
    case = draw(st.sampled_from([bytes, bytes, bytes.lower, bytes.title, bytes.swapcase]))
    return [case(word) if number == 0 or word.isupper() else word for number, word in enumerate(words)]
