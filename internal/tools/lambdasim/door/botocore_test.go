//go:build clients

package door_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/lambdasim/door"
)

// TestBotocoreSigns has Python's SDK ask; .ci/clients brings it.
func TestBotocoreSigns(t *testing.T) {
	python := os.Getenv("BESRA_CLIENTS_PYTHON")
	if python == "" {
		t.Fatal("BESRA_CLIENTS_PYTHON names no Python with botocore")
	}
	user := door.NewCredential("111122223333", "till")
	iam := &door.IAM{Users: []door.Credential{user}}
	api := open(t, door.Options{Kind: door.HTTPAPI, IAM: iam, Function: echo, Now: time.Now})
	lambda := open(t, door.Options{Kind: door.Direct, IAM: iam, Now: time.Now, Function: function(func(in lambdasim.Invocation) (lambdasim.Answer, error) {
		return lambdasim.Answer{Payload: in.Payload, RequestID: "id", Version: "3", FunctionError: "Unhandled", Log: []byte("START")}, nil
	})})
	out, err := exec.CommandContext(t.Context(), python, "testdata/botocore_client.py", api.URL, lambda.URL, user.AccessKey, user.Secret).CombinedOutput()
	if err != nil || string(out) != "ok\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
