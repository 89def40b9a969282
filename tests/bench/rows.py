"""The table of what is measured: issue and DESIGN §10 in one place."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class CpuRow:
    """CPU time per request, Weir beside its peers, at saturation and at an equal offered load."""
    name: str
    about: str
    path: str
    connections: int
    peers: tuple
    ratio_max: float           # Weir's CPU per request over the better peer's
    user_us_max: float = 0     # user space per request; 0 is no limit
    floor: tuple = ()          # shown beside them, no peer: the system calls alone
    rate_min: float = 0        # Weir's requests per second over that peer's; 0 is no limit
    system_max: float = 0      # CPU of the whole machine per request over that peer's; 0 is no limit
    kind: str = "http"         # or https; h2: by TLS; handshake: `path` is what s_time is told
    streams: int = 0           # of h2, on each connection


@dataclasses.dataclass(frozen=True)
class MemoryRow:
    """Private memory per connection (kind idle, idle-tls) or per waiting request (kind waiting)."""
    name: str
    about: str
    kind: str
    count: int
    peers: tuple
    bytes_max: int             # 0: what the first peer takes


@dataclasses.dataclass(frozen=True)
class SitesRow:
    """CPU per proxied request with many sites, the requests spread over all, and with few."""
    name: str
    about: str
    sites: int
    sites_few: int
    rules: int
    connections: int
    ratio_max: float


@dataclasses.dataclass(frozen=True)
class ReloadRow:
    """Start and reload with many sites, and the longest answer while the reload is under way."""
    name: str
    about: str
    sites: int
    rules: int
    start_s_max: float
    reload_s_max: float
    stall_ms_max: float


@dataclasses.dataclass(frozen=True)
class SlowTargetRow:
    """The 99th percentile with one slow target in a group, Weir's balancers beside HAProxy's."""
    name: str
    about: str
    targets: int
    delay_us: int              # of a request at a target
    slower: int                # times as long at the slow one
    at_once: int               # requests that a target works at at a time
    busy: float                # the load: this part of what the others could do
    connections: int
    ratio_max: float


@dataclasses.dataclass(frozen=True)
class CompressRow:
    """CPU per compressed answer, beside nginx's gzip at the level that is nearest in size."""
    name: str
    about: str
    coding: str
    path: str
    connections: int
    ratio_max: float


@dataclasses.dataclass(frozen=True)
class OverloadRow:
    """Good answers and the admin API at a multiple of the load that saturates."""
    name: str
    about: str
    times: int
    connections: int           # at saturation; so many times that above it
    peers: tuple
    timeout_ms: int            # after which an answer is no good any more
    goodput_min: float         # good answers a second over those at saturation
    admin_ms_max: float


@dataclasses.dataclass(frozen=True)
class HalfOpenRow:
    """The 99th percentile of requests by TLS, while others leave their handshakes half done."""
    name: str
    about: str
    half_open: int
    connections: int
    busy: float                # the load: this part of what saturates
    peers: tuple
    ratio_max: float           # over the same without them


@dataclasses.dataclass(frozen=True)
class ForwardProxyRow:
    """What a forward proxy costs, by request, tunnel or MiB."""
    name: str
    about: str
    mode: str                  # of proxy_load
    count: int                 # a second; of a long tunnel MiB in all; of idle ones how many
    connections: int
    peers: tuple
    ratios: dict               # at most so much of each
    system_max: float = 0      # the same of the whole system's, beside the better peer; 0: any
    is_among_many: bool = False  # rules and users, beside few of them
    path: str = "/large/large.bin"
    bytes_max: int = 0


@dataclasses.dataclass(frozen=True)
class BucketGetRow:
    """CPU per GET of an object, beside the action `files` with the same bytes."""
    name: str
    about: str
    connections: int
    ratios: dict               # at most so much of each way


@dataclasses.dataclass(frozen=True)
class BucketPutRow:
    """Durable PUTs a second, beside a file for each object with rename and the folder's fsync."""
    name: str
    about: str
    connections: int
    count: int                 # keys
    ratio_min: float
    syncs_max: float           # for each object


@dataclasses.dataclass(frozen=True)
class BucketLargeRow:
    """PUT and GET of a large object beside md5sum and cat, and by how much memory grows."""
    name: str
    about: str
    mib: int
    ratio_min: float


@dataclasses.dataclass(frozen=True)
class BucketManyRow:
    """Start, memory and a page of a listing of a store with many objects."""
    name: str
    about: str
    count: int
    start_s_max: float
    page_ms_max: float
    bytes_max: int


@dataclasses.dataclass(frozen=True)
class BucketDeleteRow:
    """The 99th percentile of GET while objects are deleted and packs compacted."""
    name: str
    about: str
    count: int
    connections: int
    rate: int                  # GETs a second
    ratio_max: float           # over the same without


PROXIES = ("nginx", "haproxy")
FORWARD_PROXIES = ("squid", "tinyproxy")
FILE_SERVERS = ("nginx",)
FLOOR = ("bare",)

ROWS = (
    CpuRow("proxy-16", "proxied 1 KiB, 16 connections",
           "/", 16, PROXIES, 0.90, 3.0, FLOOR),
    CpuRow("proxy-128", "proxied 1 KiB, 128 connections",
           "/", 128, PROXIES, 0.80, 3.0, FLOOR),
    CpuRow("proxy-1000", "proxied 1 KiB, 1000 connections",
           "/", 1000, PROXIES, 0.70, 3.0, FLOOR),
    # 1.2 times as many bytes for each second of the proxy's CPU, and not at others' expense.
    CpuRow("proxy-1m", "proxied 1 MiB beside HAProxy with splice",
           "/large/1024k.bin", 16, ("haproxy",), 1 / 1.2, rate_min=0.95,
           system_max=1.05),
    CpuRow("static-1k", "files of 1 KiB",
           "/static/1k.bin", 16, FILE_SERVERS, 0.80),
    CpuRow("static-16k", "files of 16 KiB",
           "/static/16k.bin", 16, FILE_SERVERS, 0.90),
    CpuRow("static-1m", "files of 1 MiB",
           "/static/1024k.bin", 16, FILE_SERVERS, 0.90),
    SitesRow("sites-10000", "a request among 10,000 sites with 10 rules each, beside 10 sites",
           10000, 10, 10, 16, 1.10),
    ReloadRow("reload-10000", "start and reload with 10,000 sites",
           10000, 10, 2.0, 2.0, 5.0),
    SlowTargetRow("slow-target", "one target of eight is ten times slower",
           8, 5000, 10, 4, 0.4, 512, 1.0),
    CompressRow("compress-br", "100 KiB of JSON by Brotli, beside nginx's gzip at its size",
           "br", "/json/100k.json", 16, 1.0),
    CompressRow("compress-zstd", "the same by Zstandard",
           "zstd", "/json/100k.json", 16, 1.0),
    CompressRow("compress-gzip", "the same by gzip",
           "gzip", "/json/100k.json", 16, 1.0),
    OverloadRow("overload-3x", "three times the load that saturates",
           3, 1000, PROXIES, 1000, 0.90, 1000),
    CpuRow("https-64", "proxied 1 KiB over TLS 1.3, 64 connections",
           "/", 64, PROXIES, 0.85, kind="https"),
    CpuRow("handshakes", "full handshakes, TLS 1.3, ECDSA P-256",
           "-new -tls1_3", 1, PROXIES, 1.0, kind="handshake"),
    CpuRow("resumed", "handshakes of TLS 1.2 that resume a session",
           "-reuse -tls1_2", 1, PROXIES, 1.0, kind="handshake"),
    CpuRow("h2-100", "proxied 1 KiB over HTTP/2 and TLS, 4 connections of 100 streams",
           "/", 4, PROXIES, 0.90, kind="h2", streams=100),
    HalfOpenRow("half-open", "requests while 2,000 handshakes are slow or never end",
                2000, 64, 0.3, PROXIES, 2.0),
    MemoryRow("idle-tls", "memory of 2,000 idle connections by TLS 1.3",
              "idle-tls", 2000, PROXIES, 0),
    MemoryRow("idle-5000", "memory of 5,000 idle connections",
           "idle", 5000, PROXIES, 400),
    # 1.5 times Squid's bytes for each second of the proxy's CPU, and no fewer than tinyproxy's.
    ForwardProxyRow("tunnel-1g", "1 GiB through one tunnel of a forward proxy", "tunnel", 1024, 1,
                    FORWARD_PROXIES, {"squid": 1 / 1.5, "tinyproxy": 1.0}, 1.05),
    ForwardProxyRow("absolute-1k", "1 KiB in absolute form, 16 connections", "request", 15000, 16,
                    ("squid",), {"squid": 0.35}),
    ForwardProxyRow("connect", "tunnels set up and torn down", "connect", 3000, 8,
                    FORWARD_PROXIES, {"squid": 0.40}),
    ForwardProxyRow("rules-20000", "the same among 20,000 rules and 5,000 users, beside 10 of each",
                    "request", 15000, 16, (), {"few": 1.1}, is_among_many=True),
    ForwardProxyRow("idle-tunnels", "memory of 5,000 idle tunnels", "idle", 5000, 1,
                    FORWARD_PROXIES, {}, bytes_max=1536),
    MemoryRow("waiting-10000", "memory of 10,000 requests that wait for a target",
           "waiting", 10000, PROXIES, 24 * 1024),
    BucketGetRow("bucket-get", "objects of 1 KiB, by S3's API and as a site", 16,
                 {"s3": 1.3, "signed": 2.0, "bucket": 1.3}),
    BucketPutRow("bucket-put", "durable PUT of 4 KiB by 16 clients", 16, 40000, 3.0, 0.25),
    BucketLargeRow("bucket-large", "PUT and GET of 64 MiB", 64, 0.8),
    BucketManyRow("bucket-many", "a store of 1,000,000 objects", 1000000, 2.0, 10.0, 150),
    BucketDeleteRow("bucket-delete", "GET while 100,000 objects are deleted", 100000, 16, 2000, 2.0),
)
