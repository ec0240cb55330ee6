package catboost

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/forest"
	"github.com/besra-ml/besra/internal/jsonscan"
)

// info is what a model says about itself in words, some of them documents.
type info struct {
	trainer string
	loss    string // "" when the file does not say
	notes   []string

	classes  []string // names of classes, where users gave them or the target had them
	count    int      // how many classes there are, where users said so
	ordinals []int    // of each class that training met, which one it is

	divided bool // CTRs of one kind divide targets in several ways
}

// read reads the words of a .cbm file.
func (n *info) read(words map[string]string) error {
	n.version(words["catboost_version_info"])
	for _, doc := range []struct {
		name string
		read func(*jsonscan.Scanner) error
	}{
		{"params", n.params}, {"loss_function", n.lossFunction}, {"multiclass_params", n.classParams}, {"class_params", n.classParams},
	} {
		text := words[doc.name]
		if text == "" {
			continue
		}
		if err := whole(text, doc.read); err != nil {
			return in(doc.name, err)
		}
	}
	return nil
}

// readJSON reads the words of a model in JSON, where documents may be part of the whole, or text.
func (n *info) readJSON(s *jsonscan.Scanner) error {
	return s.Object(func(key []byte) error {
		var read func(*jsonscan.Scanner) error
		switch string(key) {
		case "catboost_version_info":
			text, err := s.Text()
			n.version(text)
			return in(string(key), err)
		case "params":
			read = n.params
		case "loss_function":
			read = n.lossFunction
		case "class_params", "multiclass_params":
			read = n.classParams
		default:
			return s.Skip()
		}
		if s.Peek() != '"' {
			return in(string(key), read(s))
		}
		text, err := s.Text()
		if err == nil && text != "" {
			err = whole(text, read)
		}
		return in(string(key), err)
	})
}

// whole reads a document that is a text of its own.
func whole(text string, read func(*jsonscan.Scanner) error) error {
	s := jsonscan.New([]byte(text))
	if err := read(s); err != nil {
		return err
	}
	return s.End()
}

// version finds the release in what the build wrote about itself, as "Branch: tags/v1.2.10". Some know their commit alone.
func (n *info) version(text string) {
	_, release, _ := strings.Cut(text, "tags/v")
	end := strings.IndexFunc(release, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	n.trainer = release[:max(0, end)]
}

func (n *info) params(s *jsonscan.Scanner) error {
	return s.Object(func(key []byte) error {
		switch string(key) {
		case "loss_function":
			return in("loss_function", n.lossFunction(s))
		case "cat_feature_params":
			return in("cat_feature_params", n.ctrs(s))
		case "data_processing_options":
			return in("data_processing_options", s.Object(func(key []byte) error {
				if string(key) != "class_names" || n.classes != nil {
					return s.Skip()
				}
				return in("class_names", n.classNames(s))
			}))
		}
		return s.Skip()
	})
}

// ctrs takes descriptions of CTRs: lists of them, by what they are for.
func (n *info) ctrs(s *jsonscan.Scanner) error {
	switch s.Peek() {
	case '{':
		return s.Object(func([]byte) error { return n.ctrs(s) })
	case '[':
	default:
		return s.Skip()
	}
	borders := map[string]int64{} // of targets, by kind
	return s.Array(func() error {
		if s.Peek() != '{' {
			return s.Skip()
		}
		kind, count := "", int64(0)
		err := s.Object(func(key []byte) (err error) {
			switch string(key) {
			case "ctr_type":
				kind, err = s.Text()
			case "target_binarization":
				return s.Object(func(key []byte) (err error) {
					if string(key) != "border_count" {
						return s.Skip()
					}
					count, err = s.Integer()
					return err
				})
			default:
				return s.Skip()
			}
			return err
		})
		if before, ok := borders[kind]; ok && before != count {
			n.divided = true
		}
		borders[kind] = count
		return err
	})
}

func (n *info) lossFunction(s *jsonscan.Scanner) error {
	return s.Object(func(key []byte) error {
		if string(key) != "type" || n.loss != "" {
			return s.Skip()
		}
		text, err := s.Text()
		n.loss = text
		return in("type", err)
	})
}

func (n *info) classParams(s *jsonscan.Scanner) error {
	return s.Object(func(key []byte) error {
		switch string(key) {
		case "class_names":
			n.classes = nil
			return in("class_names", n.classNames(s))
		case "classes_count":
			count, err := s.Integer()
			if err == nil && (count < 0 || count > math.MaxInt32) {
				err = fmt.Errorf("%d classes", count)
			}
			n.count = int(count)
			return in("classes_count", err)
		case "class_to_label":
			n.ordinals = nil
			return in("class_to_label", s.Array(func() error {
				x, err := s.Float()
				if err == nil && !(math.Abs(x) < 1<<31) {
					err = fmt.Errorf("class %v", x)
				}
				if len(n.ordinals) == forest.MaxOutputs {
					return fmt.Errorf("more than %d classes", forest.MaxOutputs)
				}
				n.ordinals = append(n.ordinals, int(x))
				return err
			}))
		}
		return s.Skip()
	})
}

// classNames takes names of classes: texts; or numbers and truth values, which are named as Python writes them.
func (n *info) classNames(s *jsonscan.Scanner) error {
	if s.Peek() == 'n' { // null: there are none
		return s.Skip()
	}
	return s.Array(func() error {
		name, err := "", error(nil)
		switch s.Peek() {
		case '"':
			name, err = s.Text()
		case 't':
			name, err = "True", s.Skip()
		case 'f':
			name, err = "False", s.Skip()
		default:
			var x float64
			x, err = s.Float()
			name = strconv.FormatFloat(x, 'f', -1, 64)
		}
		if len(n.classes) == forest.MaxOutputs {
			return fmt.Errorf("more than %d classes", forest.MaxOutputs)
		}
		n.classes = append(n.classes, name)
		return err
	})
}
