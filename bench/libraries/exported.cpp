// Predicts with the C++ that CatBoost exports: compiled with the export, MODEL.
#include <cmath>
#include MODEL
#define ROW float
#define RESULT double
#include "contest.h"

static std::vector<float> row;

static size_t open_model(const char *, size_t features)
{
	row.resize(features);
	return 1;
}

static void predict(const float *rows, size_t n, int value, double *results)
{
	for (size_t i = 0; i < n; i++) {
		row.assign(rows + i * row.size(), rows + (i + 1) * row.size());
		double margin = ApplyCatboostModel(row);
		results[i] = value ? 1 / (1 + std::exp(-margin)) : margin;
	}
}
