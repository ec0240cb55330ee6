/* Predicts through LightGBM's C API on one thread: one row by its fast path, whose configuration is made once. */
#define ROW double
#define RESULT double
#include "contest.h"

typedef void *BoosterHandle, *FastConfigHandle;
enum { FLOAT64 = 1, NORMAL = 0, RAW_SCORE = 1 };

int LGBM_BoosterCreateFromModelfile(const char *file, int *iterations, BoosterHandle *out);
int LGBM_BoosterGetNumClasses(BoosterHandle handle, int *out);
int LGBM_BoosterPredictForMatSingleRowFastInit(BoosterHandle handle, int type, int start, int iterations, int data_type,
					       int32_t columns, const char *parameter, FastConfigHandle *out);
int LGBM_BoosterPredictForMatSingleRowFast(FastConfigHandle config, const void *row, int64_t *length, double *result);
int LGBM_BoosterPredictForMat(BoosterHandle handle, const void *data, int data_type, int32_t rows, int32_t columns,
			      int row_major, int type, int start, int iterations, const char *parameter, int64_t *length,
			      double *result);
const char *LGBM_GetLastError(void);

static BoosterHandle booster;
static FastConfigHandle fast[2];
static int32_t columns;

static void check(int status)
{
	if (status != 0)
		die(LGBM_GetLastError());
}

static size_t open_model(const char *path, size_t features)
{
	int iterations, classes;
	columns = features;
	check(LGBM_BoosterCreateFromModelfile(path, &iterations, &booster));
	check(LGBM_BoosterGetNumClasses(booster, &classes));
	for (int value = 0; value < 2; value++)
		check(LGBM_BoosterPredictForMatSingleRowFastInit(booster, value ? NORMAL : RAW_SCORE, 0, -1, FLOAT64, columns,
								 "num_threads=1", &fast[value]));
	return classes;
}

static void predict(const double *rows, size_t n, int value, double *results)
{
	int64_t length;
	if (n == 1)
		check(LGBM_BoosterPredictForMatSingleRowFast(fast[value], rows, &length, results));
	else
		check(LGBM_BoosterPredictForMat(booster, rows, FLOAT64, n, columns, 1, value ? NORMAL : RAW_SCORE, 0, -1,
						"num_threads=1", &length, results));
}
