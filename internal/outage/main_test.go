//go:build unix

package outage

import (
	"testing"

	"github.com/besra-ml/besra/internal/besratest"
)

func TestMain(m *testing.M) { besratest.Main(m) }
