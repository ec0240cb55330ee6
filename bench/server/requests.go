//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"

	"github.com/besra-ml/besra/bench/internal/load"
)

const columns = 30

// requests makes a whole HTTP request of each row of float32 in a file: its features by name, what is
// missing as null. mean is the mean length of a body.
func requests(path string) (all [][]byte, mean int, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	for ; len(raw) >= 4*columns; raw = raw[4*columns:] {
		body := []byte(`{"features":{`)
		for i := range columns {
			if i > 0 {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `"col_%02d":`, i)
			v := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
			if math.IsNaN(v) {
				body = append(body, "null"...)
			} else {
				body = strconv.AppendFloat(body, v, 'g', -1, 32)
			}
		}
		body = append(body, "}}"...)
		mean += len(body)
		all = append(all, load.Request("POST", "/v1/score", body))
	}
	if len(all) == 0 {
		return nil, 0, fmt.Errorf("%s: no rows", path)
	}
	return all, mean / len(all), nil
}

// verify asks for every row once and compares the margins with those of the training library, bit by bit.
// It returns the number of rows and the length of an answer.
func verify(address string, requests [][]byte, margins string) (rows, length int, err error) {
	raw, err := os.ReadFile(margins)
	if err != nil {
		return 0, 0, err
	}
	if len(raw) != 4*len(requests) {
		return 0, 0, fmt.Errorf("%s: not a margin for each of %d rows", margins, len(requests))
	}
	c, err := load.NewClient(address, 1, load.Cycle(requests...))
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	for i := range requests {
		body, err := c.Ask()
		if err != nil {
			return 0, 0, fmt.Errorf("row %d: %w", i, err)
		}
		var answer struct{ Margin float32 }
		if err := json.Unmarshal(body, &answer); err != nil {
			return 0, 0, fmt.Errorf("row %d: %w", i, err)
		}
		want := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		if math.Float32bits(answer.Margin) != math.Float32bits(want) {
			return 0, 0, fmt.Errorf("row %d: margin %v, but XGBoost's is %v", i, answer.Margin, want)
		}
		length = len(body)
	}
	return len(requests), length, nil
}

// demoRequest makes a request that the demo can score, by what it says of its features.
func demoRequest(address string) ([]byte, error) {
	var list struct{ Models []struct{ Name string } }
	if err := load.Get(address, "/v1/models", &list); err != nil {
		return nil, err
	}
	if len(list.Models) != 1 {
		return nil, fmt.Errorf("the demo serves %d models instead of one", len(list.Models))
	}
	var model struct {
		Features []struct{ Name, Type string }
	}
	if err := load.Get(address, "/v1/models/"+list.Models[0].Name, &model); err != nil {
		return nil, err
	}
	features := map[string]any{}
	for _, f := range model.Features {
		features[f.Name] = 1
		if f.Type == "string" {
			features[f.Name] = "1"
		}
	}
	body, err := json.Marshal(map[string]any{"features": features})
	return load.Request("POST", "/v1/score", body), err
}
