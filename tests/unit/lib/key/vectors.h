/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DUET_TEST_VECTORS_H
#define DUET_TEST_VECTORS_H

/*
 * Published keys and signatures: RFC 5702 section 6, RFC 6605 section 6, RFC 8080 section 6 (with erratum
 * 4935, which corrects the RRSIGs' label count).
 */
struct vector {
	const char *name;
	unsigned alg;
	unsigned tag;
	const char *dnskey;
	const char *ds; /* NULL where the RFC has none */
	const char *rr;
	const char *rrsig;
	const char *private;
	int deterministic;
};

static const struct vector vectors[] = {
	{ "RFC 5702 section 6.1", 8, 9033,
	  "example.net. 3600 IN DNSKEY 256 3 8 "
	  "AwEAAcFcGsaxxdgiuuGmCkVImy4h99CqT7jwY3pexPGcnUFtR2Fh36BponcwtkZ4cAgtvd4Q"
	  "s8PkxUdp6p/DlUmObdk=",
	  NULL, "www.example.net. 3600 IN A 192.0.2.91",
	  "www.example.net. 3600 IN RRSIG A 8 3 3600 20300101000000 20000101000000 9033 example.net. "
	  "kRCOH6u7l0QGy9qpC9"
	  "l1sLncJcOKFLJ7GhiUOibu4teYp5VE9RncriShZNz85mwlMgNEacFYK/lPtPiVYP4bwg==",
	  "Private-key-format: v1.2\nAlgorithm: 8 (RSASHA256)\n"
	  "Modulus: "
	  "wVwaxrHF2CK64aYKRUibLiH30KpPuPBjel7E8ZydQW1HYWHfoGmidzC2RnhwCC293hCzw+TFR2nqn8OVSY5t2Q==\n"
	  "PublicExponent: AQAB\n"
	  "PrivateExponent: "
	  "UR44xX6zB3eaeyvTRzmskHADrPCmPWnr8dxsNwiDGHzrMKLN+i/HAam+97HxIKVWNDH2ba9Mf1SA8xu9dcHZAQ==\n"
	  "Prime1: 4c8IvFu1AVXGWeFLLFh5vs7fbdzdC6U82fduE6KkSWk=\n"
	  "Prime2: 2zZpBE8ZXVnL74QjG4zINlDfH+EOEtjJJ3RtaYDugvE=\n"
	  "Exponent1: G2xAPfK0KGxGANDVNxd1K1c9wOmmJ51mGbzKFFNMFFk=\n"
	  "Exponent2: GYxP1Pa7CAwtHm8SAGX594qZVofOMhgd6YFCNyeVpKE=\n"
	  "Coefficient: icQdNRjlZGPmuJm2TIadubcO8X7V4y07aVhX464tx8Q=\n",
	  1 },
	{ "RFC 5702 section 6.2", 10, 3740,
	  "example.net. 3600 IN DNSKEY 256 3 10 "
	  "AwEAAdHoNTOW+et86KuJOWRDp1pndvwb6Y83nSVXXyLA3DLroROUkN6X0O6pnWnjJQujX/"
	  "AyhqFDxj13tOnD9u/1kTg7cV6rklMrZDtJCQ5PCl/"
	  "D7QNPsgVsMu1J2Q8gpMpztNFLpPBz1bWXjDtaR7ZQBlZ3PFY12ZTSncorffcGmhOL",
	  NULL, "www.example.net. 3600 IN A 192.0.2.91",
	  "www.example.net. 3600 IN RRSIG A 10 3 3600 20300101000000 20000101000000 3740 example.net. "
	  "tsb4wnjRUDnB1BUi"
	  "+t6TMTXThjVnG+eCkWqjvvjhzQL1d0YRoOe0CbxrVDYd0xDtsuJRaeUw1ep94PzEWzr0iGYgZBWm/"
	  "zpq+9fOuagYJRfDqfReKBzMweOLDiN"
	  "a8iP5g9vMhpuv6OPlvpXwm9Sa9ZXIbNl1MBGk0fthPgxdDLw=",
	  NULL, 1 },
	{ "RFC 6605 section 6.1", 13, 55648,
	  "example.net. 3600 IN DNSKEY 257 3 13 "
	  "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr"
	  "+Wi9xMWyQLc8NAA==",
	  "example.net. 3600 IN DS 55648 13 2 "
	  "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17",
	  "www.example.net. 3600 IN A 192.0.2.1",
	  "www.example.net. 3600 IN RRSIG A 13 3 3600 20100909100439 20100812100439 55648 example.net. "
	  "qx6wLYqmh+l9oCKT"
	  "N6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==",
	  "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\n"
	  "PrivateKey: GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=\n",
	  0 },
	{ "RFC 6605 section 6.2", 14, 10771,
	  "example.net. 3600 IN DNSKEY 257 3 14 "
	  "xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1w/egsXvSADtNJhyem5RCOpgQ6K8X"
	  "1DRSEkrbYQ+OB+v8/uX45NBwY8rp65F6Glur8I/mlVNgF6W/qTI37m40",
	  "example.net. 3600 IN DS 10771 14 4 "
	  "72d7b62976ce06438e9c0bf319013cf801f09ecc84b8d7e9495f27e305c6a9b0563a9b5f4d"
	  "288405c3008a946df983d6",
	  "www.example.net. 3600 IN A 192.0.2.1",
	  "www.example.net. 3600 IN RRSIG A 14 3 3600 20100909102025 20100812102025 10771 example.net. "
	  "/L5hDKIvGDyI1fcAR"
	  "X3z65qrmPsVz73QD1Mr5CEqOiLP95hxQouuroGCeZOvzFaxsT8Glr74hbavRKayJNuydCuzWTSSPdz7wnqXL5bdcJzusdnI0RS"
	  "MROxxwGipW"
	  "cJm",
	  "Private-key-format: v1.2\nAlgorithm: 14 (ECDSAP384SHA384)\n"
	  "PrivateKey: WURgWHCcYIYUPWgeLmiPY2DJJk02vgrmTfitxgqcL4vwW7BOrbawVmVe0d9V94SR\n",
	  0 },
	{ "RFC 8080 section 6.1", 15, 3613,
	  "example.com. 3600 IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
	  "example.com. 3600 IN DS 3613 15 2 "
	  "3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b",
	  "example.com. 3600 IN MX 10 mail.example.com.",
	  "example.com. 3600 IN RRSIG MX 15 2 3600 1440021600 1438207200 3613 example.com. "
	  "oL9krJun7xfBOIWcGHi7mag5/hdZ"
	  "rKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==",
	  "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\n"
	  "PrivateKey: ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=\n",
	  1 },
	{ "RFC 8080 section 6.2", 16, 9713,
	  "example.com. 3600 IN DNSKEY 257 3 16 "
	  "3kgROaDjrh0H2iuixWBrc8g2EpBBLCdGzHmn+G2MpTPhpj/OiBVHHSfPodx1FYYUcJKm1MDp"
	  "JtIA",
	  "example.com. 3600 IN DS 9713 16 2 "
	  "6ccf18d5bc5d7fc2fceb1d59d17321402f2aa8d368048db93dd811f5cb2b19c7",
	  "example.com. 3600 IN MX 10 mail.example.com.",
	  "example.com. 3600 IN RRSIG MX 16 2 3600 1440021600 1438207200 9713 example.com. "
	  "3cPAHkmlnxcDHMyg7vFC34l0blBhu"
	  "G1qpwLmjInI8w1CMB29FkEAIJUA0amxWndkmnBZ6SKiwZSAxGILn/NBtOXft0+Gj7FSvOKxE/07+4RQvE581N3Aj/"
	  "JtIyaiYVdnYtyMWbSNy"
	  "GEY2213WKsJlwEA",
	  "Private-key-format: v1.2\nAlgorithm: 16 (ED448)\n"
	  "PrivateKey: xZ+5Cgm463xugtkY5B0Jx6erFTXp13rYegst0qRtNsOYnaVpMx0Z/c5EiA9x8wWbDDct/U3FhYWA\n",
	  1 },
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

#endif
