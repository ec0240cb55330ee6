package xgboost

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// The tests make documents of Go values: object, list, string, int, bool, nil, and typed slices of
// numbers, which UBJSON saves as typed arrays.
type (
	object map[string]any
	list   []any
)

// asJSON writes v as XGBoost does: keys in order, no white space.
func asJSON(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case object:
		b.WriteByte('{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b.WriteByte(',')
			}
			asJSON(b, k)
			b.WriteByte(':')
			asJSON(b, v[k])
		}
		b.WriteByte('}')
	case list:
		jsonList(b, v, func(e any) { asJSON(b, e) })
	case []float32:
		jsonList(b, v, func(e float32) { b.WriteString(jsonFloat(e)) })
	case []int32:
		jsonList(b, v, func(e int32) { b.WriteString(strconv.Itoa(int(e))) })
	case []int64:
		jsonList(b, v, func(e int64) { b.WriteString(strconv.Itoa(int(e))) })
	case []int8:
		jsonList(b, v, func(e int8) { b.WriteString(strconv.Itoa(int(e))) })
	case []uint8:
		jsonList(b, v, func(e uint8) { b.WriteString(strconv.Itoa(int(e))) })
	case string:
		b.WriteByte('"')
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(v))
		b.WriteByte('"')
	case float32:
		b.WriteString(jsonFloat(v))
	case nil:
		b.WriteString("null")
	default:
		fmt.Fprint(b, v)
	}
}

func jsonList[T any](b *bytes.Buffer, v []T, write func(T)) {
	b.WriteByte('[')
	for i, e := range v {
		if i > 0 {
			b.WriteByte(',')
		}
		write(e)
	}
	b.WriteByte(']')
}

func jsonFloat(v float32) string {
	switch {
	case v != v:
		return "NaN"
	case math.IsInf(float64(v), 1):
		return "Infinity"
	case math.IsInf(float64(v), -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(float64(v), 'E', -1, 32)
}

func asUBJ(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case object:
		b.WriteByte('{')
		for _, k := range slices.Sorted(maps.Keys(v)) {
			ubjText(b, k)
			asUBJ(b, v[k])
		}
		b.WriteByte('}')
	case list:
		b.WriteString("[#L")
		put(b, int64(len(v)))
		for _, e := range v {
			asUBJ(b, e)
		}
	case []float32:
		ubjList(b, 'd', v)
	case []int32:
		ubjList(b, 'l', v)
	case []int64:
		ubjList(b, 'L', v)
	case []int8:
		ubjList(b, 'i', v)
	case []uint8:
		ubjList(b, 'U', v)
	case string:
		b.WriteByte('S')
		ubjText(b, v)
	case int:
		switch {
		case v == int(int8(v)):
			b.WriteByte('i')
			put(b, int8(v))
		case v == int(int16(v)):
			b.WriteByte('I')
			put(b, int16(v))
		case v == int(int32(v)):
			b.WriteByte('l')
			put(b, int32(v))
		default:
			b.WriteByte('L')
			put(b, int64(v))
		}
	case float32:
		b.WriteByte('d')
		put(b, v)
	case bool:
		b.WriteByte(map[bool]byte{true: 'T', false: 'F'}[v])
	case nil:
		b.WriteByte('Z')
	default:
		panic(fmt.Sprintf("%T", v))
	}
}

func put(b *bytes.Buffer, v any) {
	if err := binary.Write(b, binary.BigEndian, v); err != nil {
		panic(err)
	}
}

func ubjText(b *bytes.Buffer, s string) {
	b.WriteByte('L')
	put(b, int64(len(s)))
	b.WriteString(s)
}

func ubjList[T any](b *bytes.Buffer, marker byte, v []T) {
	b.WriteString("[$")
	b.WriteByte(marker)
	b.WriteString("#L")
	put(b, int64(len(v)))
	put(b, v)
}

func toJSON(v any) []byte {
	var b bytes.Buffer
	asJSON(&b, v)
	return b.Bytes()
}

func toUBJ(v any) []byte {
	var b bytes.Buffer
	asUBJ(&b, v)
	return b.Bytes()
}

// synthetic returns a model of full binary trees, with thresholds, leaves and statistics at random: as
// big as a trained one.
func synthetic(trees, depth, features int) object {
	rng := rand.New(rand.NewPCG(1, 2))
	all := make(list, trees)
	starts := make([]int32, trees+1)
	for i := range all {
		all[i] = syntheticTree(rng, i, depth, features)
		starts[i+1] = int32(i + 1)
	}
	return wrap("binary:logistic", object{
		"name": "gbtree",
		"model": object{
			"cats":               object{"enc": list{}, "feature_segments": []int32{}, "sorted_idx": []int32{}},
			"gbtree_model_param": object{"num_parallel_tree": "1", "num_trees": strconv.Itoa(trees)},
			"iteration_indptr":   starts,
			"tree_info":          make([]int32, trees),
			"trees":              all,
		},
	}, features)
}

// wrap puts a gradient booster into a document of XGBoost 3.2.
func wrap(objective string, booster object, features int) object {
	return object{
		"version": list{3, 2, 0},
		"learner": object{
			"attributes":       object{},
			"feature_names":    list{},
			"feature_types":    list{},
			"gradient_booster": booster,
			"learner_model_param": object{
				"base_score": "[5E-1]", "boost_from_average": "1",
				"num_class": "0", "num_feature": strconv.Itoa(features), "num_target": "1",
			},
			"objective": object{"name": objective, "reg_loss_param": object{"scale_pos_weight": "1"}},
		},
	}
}

func syntheticTree(rng *rand.Rand, id, depth, features int) object {
	n := 1<<(depth+1) - 1
	left, right, parents := make([]int32, n), make([]int32, n), make([]int32, n)
	feature, zero := make([]int32, n), make([]uint8, n)
	value, loss, hess, weight := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range n {
		left[i], right[i], parents[i] = int32(2*i+1), int32(2*i+2), int32((i-1)/2)
		if 2*i+1 >= n {
			left[i], right[i] = -1, -1
		}
		feature[i] = rng.Int32N(int32(features))
		value[i], weight[i] = float32(rng.NormFloat64()), float32(rng.NormFloat64()/100)
		loss[i], hess[i] = rng.Float32()*100, rng.Float32()*1000
	}
	parents[0] = math.MaxInt32
	return object{
		"base_weights": weight, "categories": []int32{}, "categories_nodes": []int32{},
		"categories_segments": []int64{}, "categories_sizes": []int64{}, "default_left": zero, "id": id,
		"left_children": left, "loss_changes": loss, "parents": parents, "right_children": right,
		"split_conditions": value, "split_indices": feature, "split_type": zero, "sum_hessian": hess,
		"tree_param": object{
			"num_deleted": "0", "num_feature": strconv.Itoa(features),
			"num_nodes": strconv.Itoa(n), "size_leaf_vector": "1",
		},
	}
}
