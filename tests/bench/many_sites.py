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


def main():
    """Prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=10000)
    parser.add_argument("--rules", type=int, default=10)
    parser.add_argument("--address", default="127.0.0.1:8080")
    given = parser.parse_args()
    print(f'access_log: off\nlisteners: {{ http: "{given.address}" }}')
    print('target_groups: { app: "127.0.0.1:9" }\nsites:')
    for site in range(given.sites):
        print(f'  site{site}:\n    domains: [site{site}.example.org, "*.site{site}.example.org"]')
        print("    rules:")
        for rule in range(given.rules - 1):
            match = MATCHES[rule % len(MATCHES)].format(site=site, rule=rule)
            action = f"respond: r{rule}" if rule % 2 else "forward: app"
            print(f"      - {{ match: {{ {match} }}, {action} }}")
        print("      - respond: rest")


if __name__ == "__main__":
    main()
