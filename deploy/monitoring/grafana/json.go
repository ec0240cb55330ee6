package main

import (
	"bytes"
	"encoding/json"
)

// schema is the version of Grafana's that these dashboards are written in: that of Grafana 10.4.
const schema = 39

type object = map[string]any

// json writes a dashboard as Grafana reads it. Keys are sorted, so that the same board gives the same bytes.
func (b board) json() ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(object{
		"uid": b.uid, "title": b.title, "description": b.about, "tags": []string{"besra"},
		"schemaVersion": schema, "version": 1, "editable": true, "graphTooltip": 1, "refresh": "30s",
		"time":        object{"from": "now-6h", "to": "now"},
		"templating":  object{"list": b.templating()},
		"annotations": object{"list": []object{alarms()}},
		"links": []object{{
			"type": "dashboards", "tags": []string{"besra"}, "title": "besra", "icon": "external link", "tooltip": "",
			"asDropdown": true, "includeVars": true, "keepTime": true, "targetBlank": false,
		}},
		"panels": b.panels(),
	})
	return text.Bytes(), err
}

func source() object { return object{"type": "prometheus", "uid": "${datasource}"} }

// alarms marks on every graph when alarms were raised.
func alarms() object {
	return object{
		"name": "Alarms", "enable": true, "iconColor": "red", "datasource": source(),
		"expr":        `ALERTS{alertname=~"Besra.*", alertstate="firing", job=~"$job"}`,
		"titleFormat": "{{alertname}}", "textFormat": "{{severity}} {{instance}}", "step": "60s",
	}
}

func (b board) templating() []object {
	list := []object{
		{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
		choice("job", `label_values(besra_build_info, job)`),
		choice("instance", `label_values(besra_build_info{job=~"$job"}, instance)`),
	}
	for _, v := range b.variables {
		list = append(list, choice(v.name, `label_values(`+v.metric+`{`+chosen+`}, `+v.name+`)`))
	}
	return list
}

func choice(name, values string) object {
	return object{
		"name": name, "label": name, "type": "query", "datasource": source(),
		"query": object{"qryType": 1, "query": values, "refId": name}, "definition": values,
		"refresh": 2, "sort": 1, "multi": true, "includeAll": true,
		"current": object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
	}
}

// panels lays the panels out.
func (b board) panels() []object {
	var (
		all           []object
		x, y, tallest int
	)
	wrap := func() { x, y, tallest = 0, y+tallest, 0 }
	add := func(p object, width, height int) {
		if x+width > 24 {
			wrap()
		}
		p["id"] = len(all) + 1
		p["gridPos"] = object{"x": x, "y": y, "w": width, "h": height}
		all = append(all, p)
		x, tallest = x+width, max(tallest, height)
	}
	for _, r := range b.rows {
		wrap()
		add(object{"type": "row", "title": r.title, "collapsed": false, "panels": []object{}}, 24, 1)
		for _, p := range r.panels {
			add(p.object(), p.width, p.height)
		}
	}
	return all
}

func (p panel) object() object {
	var targets []object
	for i, of := range p.queries {
		format := of.format
		if format == "" {
			format = "time_series"
		}
		targets = append(targets, object{
			"refId": string(rune('A' + i)), "datasource": source(), "editorMode": "code",
			"expr": of.expr, "legendFormat": of.legend, "format": format, "instant": of.instant, "range": !of.instant,
		})
	}
	return object{
		"type": p.kind, "title": p.title, "description": p.about, "datasource": source(), "targets": targets,
		"fieldConfig": object{"defaults": p.defaults(), "overrides": []object{}},
		"options":     p.options(), "transformations": p.transformations(),
	}
}

func (p panel) defaults() object {
	d := object{"unit": p.unit, "thresholds": p.thresholds(), "color": object{"mode": "palette-classic"}, "mappings": []object{}}
	if p.max != 0 {
		d["min"], d["max"] = 0, p.max
	}
	switch p.kind {
	case "stat":
		d["color"] = object{"mode": "thresholds"}
	case "timeseries":
		stacking, fill := "none", 0
		if p.stacked {
			stacking, fill = "normal", 40
		}
		d["custom"] = object{
			"fillOpacity": fill, "lineWidth": 1, "showPoints": "never", "spanNulls": false,
			"stacking": object{"mode": stacking, "group": "A"}, "thresholdsStyle": object{"mode": p.lines()},
		}
	}
	return d
}

// lines says whether limits are shown as lines.
func (p panel) lines() string {
	if p.limits == nil {
		return "off"
	}
	return "dashed"
}

func (p panel) thresholds() object {
	good, ill, bad := "green", "yellow", "red"
	if len(p.limits) == 2 && p.limits[0] > p.limits[1] { // what is much is good
		return object{"mode": "absolute", "steps": []object{
			{"color": bad, "value": nil}, {"color": ill, "value": p.limits[1]}, {"color": good, "value": p.limits[0]},
		}}
	}
	steps := []object{{"color": good, "value": nil}}
	for i, limit := range p.limits {
		color := bad
		if i < len(p.limits)-1 {
			color = ill
		}
		steps = append(steps, object{"color": color, "value": limit})
	}
	return object{"mode": "absolute", "steps": steps}
}

func (p panel) options() object {
	last := object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
	switch p.kind {
	case "stat":
		return object{
			"reduceOptions": last, "colorMode": "value", "graphMode": "none", "textMode": "auto", "justifyMode": "auto", "orientation": "auto",
			"wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
		}
	case "table":
		return object{"showHeader": true, "cellHeight": "sm", "frameIndex": 0}
	case "heatmap":
		return object{
			"calculate": false, "yAxis": object{"unit": p.unit, "axisPlacement": "left"}, "cellGap": 1, "legend": object{"show": false},
			"color":   object{"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "scale": "exponential", "fill": "dark-orange", "reverse": false},
			"tooltip": object{"mode": "single", "yHistogram": true}, "rowsFrame": object{"layout": "auto"},
			"showValue": "never", "exemplars": object{"color": "rgba(255,0,255,0.7)"},
		}
	default:
		return object{
			"legend":  object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}},
			"tooltip": object{"mode": "multi", "sort": "desc"},
		}
	}
}

// transformations keep a table's labels and value, and leave the time away.
func (p panel) transformations() []object {
	if p.kind != "table" {
		return []object{}
	}
	return []object{{"id": "organize", "options": object{
		"excludeByName": object{"Time": true, "__name__": true}, "indexByName": object{}, "renameByName": object{},
	}}}
}
