/*
 * Predicts through XGBoost's C API, for the engine contest to time: capi MODEL FEATURES ROWS
 *
 * ROWS is a file of float32 rows, row-major, NaN for missing. Each line on stdin is a command, and each gets
 * one line on stdout:
 *
 *   bits margin|value N        the bits of all rows' predictions, in hexadecimal, N rows a call
 *   time margin|value N CALLS  the nanoseconds that CALLS calls of N rows took, going through the rows in turn
 *
 * What can be made once is made once: the booster, the configuration, the proxy matrix, and the description
 * of the array, which always points to the same memory. A call copies its row there; that is what a
 * program with a row in its hands would do, and cheaper than describing another array.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void *BoosterHandle, *DMatrixHandle;
typedef uint64_t bst_ulong;

int XGBoosterCreate(const DMatrixHandle dmats[], bst_ulong len, BoosterHandle *out);
int XGBoosterLoadModel(BoosterHandle handle, const char *fname);
int XGBoosterSetParam(BoosterHandle handle, const char *name, const char *value);
int XGProxyDMatrixCreate(DMatrixHandle *out);
int XGBoosterPredictFromDense(BoosterHandle handle, const char *values, const char *config, DMatrixHandle m,
			      const bst_ulong **out_shape, bst_ulong *out_dim, const float **out_result);
const char *XGBGetLastError(void);

static void check(int status)
{
	if (status != 0) {
		fprintf(stderr, "capi: %s\n", XGBGetLastError());
		exit(1);
	}
}

static void die(const char *what)
{
	fprintf(stderr, "capi: %s\n", what);
	exit(1);
}

static BoosterHandle booster;
static DMatrixHandle proxy;
static size_t features, rows;
static float *data;   /* all rows */
static float *window; /* what the array's description points to */
static char description[256];
static size_t described; /* rows in it */

static const char *config(const char *type)
{
	if (strcmp(type, "margin") == 0)
		return "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
		       "\"strict_shape\":false,\"missing\":NaN}";
	return "{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
	       "\"strict_shape\":false,\"missing\":NaN}";
}

static void describe(size_t n)
{
	if (n == 0 || n > rows)
		die("no such number of rows a call");
	if (n == described)
		return;
	free(window);
	window = aligned_alloc(64, (n * features * sizeof *window + 63) / 64 * 64);
	if (window == NULL)
		die("out of memory");
	snprintf(description, sizeof description,
		 "{\"data\":[%" PRIuPTR ",false],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}",
		 (uintptr_t)window, n, features);
	described = n;
}

/* predict returns the predictions of the n described rows from the given one on. */
static const float *predict(size_t first, size_t n, const char *configuration)
{
	const bst_ulong *shape;
	bst_ulong dim;
	const float *result;
	memcpy(window, data + first * features, n * features * sizeof *data);
	check(XGBoosterPredictFromDense(booster, description, configuration, proxy, &shape, &dim, &result));
	return result;
}

static void bits(const char *type, size_t n)
{
	describe(n);
	for (size_t first = 0; first + n <= rows; first += n) {
		const float *result = predict(first, n, config(type));
		for (size_t i = 0; i < n; i++) {
			uint32_t b;
			memcpy(&b, &result[i], sizeof b);
			printf("%08" PRIx32, b);
		}
	}
	printf("\n");
}

static void timed(const char *type, size_t n, size_t calls)
{
	struct timespec begin, end;
	const char *configuration = config(type);
	static size_t first;
	describe(n);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (size_t i = 0; i < calls; i++) {
		if (first + n > rows)
			first = 0;
		predict(first, n, configuration);
		first += n;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%lld\n", (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec);
}

static void load(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0)
		die("the rows cannot be opened");
	long size = ftell(f);
	rewind(f);
	data = malloc(size > 0 ? size : 1);
	if (data == NULL || size <= 0 || fread(data, 1, size, f) != (size_t)size)
		die("the rows cannot be read");
	rows = size / (features * sizeof *data);
	fclose(f);
}

int main(int argc, char **argv)
{
	if (argc != 4 || (features = strtoul(argv[2], NULL, 10)) == 0)
		die("usage: capi MODEL FEATURES ROWS");
	load(argv[3]);
	check(XGBoosterCreate(NULL, 0, &booster));
	check(XGBoosterSetParam(booster, "nthread", "1"));
	check(XGBoosterLoadModel(booster, argv[1]));
	check(XGBoosterSetParam(booster, "nthread", "1"));
	check(XGProxyDMatrixCreate(&proxy));
	char line[128], type[16];
	while (fgets(line, sizeof line, stdin) != NULL) {
		size_t n, calls;
		if (sscanf(line, "time %15s %zu %zu", type, &n, &calls) == 3)
			timed(type, n, calls);
		else if (sscanf(line, "bits %15s %zu", type, &n) == 2)
			bits(type, n);
		else
			die("no such command");
		fflush(stdout);
	}
	return 0;
}
