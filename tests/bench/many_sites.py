"""
Prints a weir.yaml of many sites with many rules each, of every kind that a router knows:
many_sites.py [--sites 10000] [--rules 10] [--address 127.0.0.1:8080]
"""
import argparse

MATCHES = [
    "path: /p{rule}",
    'path: "/api/v{rule}/*"',
    'path: ["/a{rule}/*", "/b{rule}/*"], method: [GET, POST]',
    'path: "/img{rule}/*.png"',
    'path: "/q{rule}/*", query: {{ page: "*" }}',
    'path: "/h{rule}/*", header: {{ X-Version: "2*" }}',
    'path: "/in{rule}/*", source_ip: [10.0.0.0/8, "fd00::/8"]',
    'path: "/t{rule}/*", host: "www.site{site}.example.org"',
    'host: "api{rule}.site{site}.example.org"',
]


HEAD = """access_log: off
listeners: {{ http: "{address}" }}
target_groups: {{ app: "{target}" }}
"""


def render(sites, rules, address, target="127.0.0.1:9"):
    """The text of the file."""
    lines = [HEAD.format(address=address, target=target), "sites:\n"]
    for site in range(sites):
        lines.append(f"  site{site}:\n    domains: [site{site}.example.org, "
                     f'"*.site{site}.example.org"]\n    rules:\n')
        for rule in range(rules - 1):
            match = MATCHES[rule % len(MATCHES)].format(site=site, rule=rule)
            action = f"respond: r{rule}" if rule % 2 else "forward: app"
            lines.append(f"      - {{ match: {{ {match} }}, {action} }}\n")
        lines.append("      - respond: rest\n")
    return "".join(lines)


def main():
    """Prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=10000)
    parser.add_argument("--rules", type=int, default=10)
    parser.add_argument("--address", default="127.0.0.1:8080")
    given = parser.parse_args()
    print(render(given.sites, given.rules, given.address), end="")


if __name__ == "__main__":
    main()
