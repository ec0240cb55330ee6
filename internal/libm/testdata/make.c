// Makes the vectors that libm_test.go reads, from the C library of the machine:
//
//	cd testdata && cc -O2 -fno-builtin -o /tmp/make make.c -lm && /tmp/make
//
// Committed files: glibc 2.36 (Debian 12), x86-64 with FMA. Everything is little-endian.
//
//	NAME.pairs    x and f(x), each as wide as f: special values with their neighbours, then random ones
//	NAME.digests  uint64 each; float32: of 2^20 arguments with consecutive bits, from 0 to the last
//	              float64: of the 16384 arguments that sample makes from the index of the digest
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = 2000, NEAR = 6 };

static float f32(uint32_t b) { float x; memcpy(&x, &b, 4); return x; }
static double f64(uint64_t b) { double x; memcpy(&x, &b, 8); return x; }
static uint32_t b32(float x) { uint32_t b; memcpy(&b, &x, 4); return b; }
static uint64_t b64(double x) { uint64_t b; memcpy(&b, &x, 8); return b; }

static uint64_t splitmix(uint64_t *s) {
	uint64_t z = *s += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

// sample returns the bits of one random argument, of the family'th kind of four.
static uint64_t sample(uint64_t *s, uint64_t family) {
	uint64_t r = splitmix(s), n = splitmix(s);
	switch (family % 4) {
	case 0: return r;                                                        // anything
	case 1: return (r & 0x800fffffffffffff) | (1023 - 10 + n % 20) << 52;    // 2^-10 to 2^10
	case 2: return (r & 0x800fffffffffffff) | (1023 - 60 + n % 60) << 52;    // 2^-60 to 1
	default: return 0x3ff0000000000000 + (uint64_t)((int64_t)r >> (8 + n % 56)); // about 1
	}
}

static uint64_t fold(uint64_t h, uint64_t v) { return (h ^ v) * 1099511628211u; }

static const uint64_t seed = 14695981039346656037u;

static FILE *create(const char *name, const char *ext) {
	char path[64];
	snprintf(path, sizeof path, "%s.%s", name, ext);
	FILE *f = fopen(path, "wb");
	if (!f) { perror(path); exit(1); }
	return f;
}

static const double special[] = {
	0, 1, 2, 0.5, 4, 1024, INFINITY, 0x1p-1022, 0x1p-1074, 0x1.fffffffffffffp1023,
	0x1p-126, 0x1p-149, 0x1.fffffep127, 0x1p-54, 0x1p-29, 0x1p-28, 0x1p-20, 0x1p53, 512,
	88, 88.7, 88.72283935546875, 103.2789306640625, 103.97207641601562,   // expf over- and underflows
	0x1.04845ep5, 0x1.f8cbb2p5,                                           // expf needs fused products
	709.78271289338397, 708.39641853226408, 745.13321910194111,           // exp does
	0.9375, 0x1.109p0, 0.70710678118654752, 0.6875, 1.375, 0.7, 1.4,      // log changes over
	0.29289317130, 0.41421318054, 0.41421356237,                          // log1p
	0.34657359123, 1.0397205352, 38.816238403, 0.25, 13.8629436, 39.8564, // expm1
	0x1.ffffbp-1, 0x1.ffffap-1, 0x1.a827ap0, 0x1.a8278p0, 0x1.a827a016d3dcfp-2, // log1p when 1+x leaves [1, 2)
	M_LN2 * 2.5, M_LN2 * 10.5, M_LN2 * 19.5, M_LN2 * 25.5, M_LN2 * 100.5, // expm1's next k
	M_LN2, M_LN2 / 256, M_LN2 / 128, M_LN2 * 1.5 / 128, M_LN2 / 64,
};

static void pairs32(const char *name, float (*f)(float)) {
	static const uint32_t nans[] = {0x7fc00000, 0xffc00000, 0x7f800001, 0xff812345, 0x7fffffff, 0xffffffff};
	FILE *out = create(name, "pairs");
	uint64_t s = 32;
	uint32_t n = 0, p[2];
	for (size_t i = 0; i < sizeof nans / sizeof *nans; i++, n++) {
		p[0] = nans[i], p[1] = b32(f(f32(p[0])));
		fwrite(p, sizeof p, 1, out);
	}
	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		for (int d = -NEAR; d <= NEAR; d++)
			for (int sign = 0; sign < 2; sign++, n++) {
				p[0] = (b32(special[i]) + d) ^ (uint32_t)sign << 31, p[1] = b32(f(f32(p[0])));
				fwrite(p, sizeof p, 1, out);
			}
	for (; n < PAIRS; n++) {
		p[0] = n % 2 ? splitmix(&s) : b32(f64(sample(&s, n / 2))), p[1] = b32(f(f32(p[0])));
		fwrite(p, sizeof p, 1, out);
	}
	fclose(out);
}

static void digests32(const char *name, float (*f)(float)) {
	FILE *out = create(name, "digests");
	for (uint32_t block = 0; block < 1 << 12; block++) {
		uint64_t h = seed;
		for (uint32_t i = 0; i < 1 << 20; i++) h = fold(h, b32(f(f32(block << 20 | i))));
		fwrite(&h, sizeof h, 1, out);
	}
	fclose(out);
}

static void pairs64(const char *name, double (*f)(double)) {
	static const uint64_t nans[] = {0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001,
		0xfff0123456789abc, 0x7fffffffffffffff, 0xffffffffffffffff};
	FILE *out = create(name, "pairs");
	uint64_t s = 64, n = 0, p[2];
	for (size_t i = 0; i < sizeof nans / sizeof *nans; i++, n++) {
		p[0] = nans[i], p[1] = b64(f(f64(p[0])));
		fwrite(p, sizeof p, 1, out);
	}
	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		for (int d = -NEAR; d <= NEAR; d++)
			for (int sign = 0; sign < 2; sign++, n++) {
				p[0] = (b64(special[i]) + d) ^ (uint64_t)sign << 63, p[1] = b64(f(f64(p[0])));
				fwrite(p, sizeof p, 1, out);
			}
	for (; n < PAIRS; n++) {
		p[0] = sample(&s, n), p[1] = b64(f(f64(p[0])));
		fwrite(p, sizeof p, 1, out);
	}
	fclose(out);
}

static void digests64(const char *name, double (*f)(double)) {
	FILE *out = create(name, "digests");
	for (uint64_t block = 0; block < 256; block++) {
		uint64_t h = seed, s = block;
		for (int i = 0; i < 16384; i++) h = fold(h, b64(f(f64(sample(&s, block)))));
		fwrite(&h, sizeof h, 1, out);
	}
	fclose(out);
}

int main(void) {
	pairs32("expf", expf), digests32("expf", expf);
	pairs32("logf", logf), digests32("logf", logf);
	pairs64("exp", exp), digests64("exp", exp);
	pairs64("log1p", log1p), digests64("log1p", log1p);
}
