/*
 * Predicts through ONNX Runtime's C API on one thread. What can be made once is made once: the session, and the
 * tensors for a row, into whose memory a call copies the row.
 *
 * The environment says which input and output: CONTEST_INPUT, CONTEST_OUTPUT, and CONTEST_WIDTH, how many results a row has.
 */
#define ROW float
#define RESULT float
#include "contest.h"

/* OrtApi is a list of functions whose places never change (onnxruntime_c_api.h). */
enum {
	GetErrorMessage = 2,
	CreateEnv = 3,
	CreateSession = 7,
	Run = 9,
	CreateSessionOptions = 10,
	SetSessionExecutionMode = 13,
	SetSessionGraphOptimizationLevel = 23,
	SetIntraOpNumThreads = 24,
	SetInterOpNumThreads = 25,
	CreateTensorWithDataAsOrtValue = 49,
	CreateCpuMemoryInfo = 69,
};
struct OrtApiBase {
	void *const *(*GetApi)(uint32_t version);
	const char *(*GetVersionString)(void);
};
const struct OrtApiBase *OrtGetApiBase(void);

typedef void *Status;
enum { VERSION = 17, WARNING = 2, SEQUENTIAL = 0, ALL_OPTIMIZATIONS = 99, FLOAT = 1, ARENA = 1, DEFAULT_MEMORY = 0 };

static void *const *api;
static void *session, *memory;
static const char *input, *output;
static size_t columns, width;

static void check(Status status)
{
	if (status != NULL)
		die(((const char *(*)(Status))api[GetErrorMessage])(status));
}

/* A batch is n rows, and the tensors around its memory. */
struct batch {
	size_t n;
	float *rows, *results;
	void *in, *out;
};

static void *tensor(float *data, size_t n, size_t wide)
{
	void *value;
	int64_t shape[2] = {n, wide};
	check(((Status(*)(void *, void *, size_t, const int64_t *, size_t, int, void **))api[CreateTensorWithDataAsOrtValue])(
		memory, data, n * wide * sizeof *data, shape, 2, FLOAT, &value));
	return value;
}

static struct batch *batch(size_t n)
{
	static struct batch one, many;
	struct batch *b = n == 1 ? &one : &many;
	if (b->n == n)
		return b;
	b->n = n;
	b->rows = aligned_alloc(64, (n * columns * sizeof(float) + 63) / 64 * 64);
	b->results = aligned_alloc(64, (n * width * sizeof(float) + 63) / 64 * 64);
	b->in = tensor(b->rows, n, columns);
	b->out = tensor(b->results, n, width);
	return b;
}

static size_t open_model(const char *path, size_t features)
{
	void *env, *options;
	input = getenv("CONTEST_INPUT");
	output = getenv("CONTEST_OUTPUT");
	columns = features;
	width = strtoul(getenv("CONTEST_WIDTH"), NULL, 10);
	api = OrtGetApiBase()->GetApi(VERSION);
	check(((Status(*)(int, const char *, void **))api[CreateEnv])(WARNING, "contest", &env));
	check(((Status(*)(void **))api[CreateSessionOptions])(&options));
	check(((Status(*)(void *, int))api[SetSessionExecutionMode])(options, SEQUENTIAL));
	check(((Status(*)(void *, int))api[SetSessionGraphOptimizationLevel])(options, ALL_OPTIMIZATIONS));
	check(((Status(*)(void *, int))api[SetIntraOpNumThreads])(options, 1));
	check(((Status(*)(void *, int))api[SetInterOpNumThreads])(options, 1));
	check(((Status(*)(void *, const char *, void *, void **))api[CreateSession])(env, path, options, &session));
	check(((Status(*)(int, int, void **))api[CreateCpuMemoryInfo])(ARENA, DEFAULT_MEMORY, &memory));
	return width;
}

static void predict(const float *rows, size_t n, int value, float *results)
{
	struct batch *b = batch(n);
	(void)value; /* there is no margin */
	memcpy(b->rows, rows, n * columns * sizeof *rows);
	check(((Status(*)(void *, const void *, const char *const *, const void *const *, size_t, const char *const *, size_t,
			  void **))api[Run])(session, NULL, &input, (const void *const *)&b->in, 1, &output, 1, &b->out));
	memcpy(results, b->results, n * width * sizeof *results);
}
