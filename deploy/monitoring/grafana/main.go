// Command grafana writes besra's dashboards: the JSON in dashboards, which Grafana 10 and later can import or be
// provisioned with. A dashboard is a page of this package, panel by panel; whoever changes one runs make generate.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

//go:generate go run . -o dashboards

func main() {
	dir := flag.String("o", "dashboards", "write to this `directory`")
	flag.Parse()
	if err := write(*dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(dir string) error {
	for _, b := range []board{overview(), latency(), models(), memory(), clients()} {
		text, err := b.json()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, b.uid+".json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
