"""The function that a team writes by hand today: XGBoost behind API Gateway, a score and a decision."""

import json
import os

import numpy as np
import xgboost as xgb

booster = xgb.Booster(model_file=os.path.join(os.environ["LAMBDA_TASK_ROOT"], "model.ubj"))
booster.set_param({"nthread": 1})


def handler(event, context):
    body = json.loads(event["body"])
    row = np.array([[np.nan if v is None else v for v in body["row"]]], dtype=np.float32)
    score = float(booster.inplace_predict(row, validate_features=False)[0])
    decision = "decline" if score >= 0.85 else "review" if score >= 0.35 else "approve"
    answer = {"model": "fraud", "version": 1, "score": score, "decision": decision}
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(answer),
        "isBase64Encoded": False,
    }
