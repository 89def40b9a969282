"""The table of what is measured: issue and DESIGN §10 in one place."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class CpuRow:
    """CPU time per request, Weir beside its peers, at saturation and at an equal offered load."""
    name: str
    path: str
    connections: int
    peers: tuple
    ratio_max: float           # Weir's CPU per request over the better peer's
    user_us_max: float = 0     # user space per request; 0 is no limit
    floor: tuple = ()          # shown beside them, no peer: the system calls alone
    rate_min: float = 0        # Weir's requests per second over that peer's; 0 is no limit
    system_max: float = 0      # CPU of the whole machine per request over that peer's; 0 is no limit


@dataclasses.dataclass(frozen=True)
class MemoryRow:
    """Private memory per connection (kind idle) or per waiting request (kind waiting)."""
    name: str
    kind: str
    count: int
    peers: tuple
    bytes_max: int


PROXIES = ("nginx", "haproxy")
FILE_SERVERS = ("nginx",)
FLOOR = ("bare",)

ROWS = (
    CpuRow("proxy-16", "/", 16, PROXIES, 0.90, 3.0, FLOOR),
    CpuRow("proxy-128", "/", 128, PROXIES, 0.80, 3.0, FLOOR),
    CpuRow("proxy-1000", "/", 1000, PROXIES, 0.70, 3.0, FLOOR),
    # 1.2 times as many bytes for each second of the proxy's CPU, and not at others' expense.
    CpuRow("proxy-1m", "/large/1024k.bin", 16, ("haproxy",), 1 / 1.2, rate_min=0.95,
           system_max=1.05),
    CpuRow("static-1k", "/static/1k.bin", 16, FILE_SERVERS, 0.80),
    CpuRow("static-16k", "/static/16k.bin", 16, FILE_SERVERS, 0.90),
    MemoryRow("idle-5000", "idle", 5000, PROXIES, 400),
    MemoryRow("waiting-10000", "waiting", 10000, PROXIES, 24 * 1024),
)
