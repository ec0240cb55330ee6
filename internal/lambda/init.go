package lambda

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/besra-ml/besra/internal/strictjson"
)

// ReportInit tells Lambda's Runtime API at an address why the function cannot start, so that who invokes it is told.
func ReportInit(ctx context.Context, api string, why error) error {
	if api == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	b := append([]byte(nil), `{"errorType":"besra.InitError","errorMessage":`...)
	b = append(strictjson.AppendString(b, why.Error()), '}')
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+api+"/2018-06-01/runtime/init/error", bytes.NewReader(b))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/vnd.aws.lambda.error+json")
	r.Header.Set("Lambda-Runtime-Function-Error-Type", "besra.InitError")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the runtime API answers %s", answer.Status)
	}
	return nil
}
