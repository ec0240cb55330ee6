/*
 * What the C programs of the contests with LightGBM, CatBoost and ONNX Runtime have in common: PROGRAM MODEL FEATURES ROWS
 *
 * ROWS is a file of rows of type ROW, row-major, NaN for missing. Each line on stdin is a command, and each gets
 * one line on stdout:
 *
 *   bits margin|value N        the bits of all rows' predictions, in hexadecimal, N rows a call
 *   time margin|value N CALLS  the nanoseconds that CALLS calls of N rows took, going through the rows in turn
 *   open                       the nanoseconds that the model took to open
 *
 * A program defines ROW, RESULT (its type is float or double), open_model, which says how many results a row has,
 * and predict.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static size_t open_model(const char *path, size_t features);
static void predict(const ROW *rows, size_t n, int value, RESULT *results);

static void die(const char *what)
{
	fprintf(stderr, "contest: %s\n", what);
	exit(1);
}

static int64_t nanoseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static ROW *load(const char *path, size_t features, size_t *rows)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0)
		die("the rows cannot be opened");
	long size = ftell(f);
	rewind(f);
	ROW *data = (ROW *)malloc(size > 0 ? size : 1);
	if (data == NULL || size <= 0 || fread(data, 1, size, f) != (size_t)size)
		die("the rows cannot be read");
	*rows = size / (features * sizeof *data);
	fclose(f);
	return data;
}

static void print_bits(const RESULT *results, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t wide;
		uint32_t narrow;
		if (sizeof(RESULT) == sizeof wide) {
			memcpy(&wide, &results[i], sizeof wide);
			printf("%016" PRIx64, wide);
		} else {
			memcpy(&narrow, &results[i], sizeof narrow);
			printf("%08" PRIx32, narrow);
		}
	}
}

int main(int argc, char **argv)
{
	size_t features, rows, first = 0;
	if (argc != 4 || (features = strtoul(argv[2], NULL, 10)) == 0)
		die("usage: PROGRAM MODEL FEATURES ROWS");
	int64_t begin = nanoseconds();
	size_t width = open_model(argv[1], features);
	int64_t opening = nanoseconds() - begin;
	ROW *data = load(argv[3], features, &rows);
	RESULT *results = (RESULT *)calloc(rows * width, sizeof *results);
	char line[128], type[16];
	while (fgets(line, sizeof line, stdin) != NULL) {
		size_t n, calls;
		if (sscanf(line, "time %15s %zu %zu", type, &n, &calls) == 3 && n <= rows) {
			int value = strcmp(type, "value") == 0;
			begin = nanoseconds();
			for (size_t i = 0; i < calls; i++) {
				if (first + n > rows)
					first = 0;
				predict(data + first * features, n, value, results);
				first += n;
			}
			printf("%" PRId64 "\n", nanoseconds() - begin);
		} else if (sscanf(line, "bits %15s %zu", type, &n) == 2) {
			for (size_t i = 0; i + n <= rows; i += n) {
				predict(data + i * features, n, strcmp(type, "value") == 0, results);
				print_bits(results, n * width);
			}
			printf("\n");
		} else if (strcmp(line, "open\n") == 0) {
			printf("%" PRId64 "\n", opening);
		} else {
			die("no such command");
		}
		fflush(stdout);
	}
	return 0;
}
