{{/*
Service level objectives (Google's SRE workbook, chapter 5): recorded once as rates of 5 minutes, from which the shares of longer times
follow. That is cheap, and pods may come and go meanwhile.
*/}}

{{/* The enabled objectives of files/slos.yaml as a JSON list, without placeholders. */}}
{{- define "holdfast.slos" -}}
{{- $root := . }}
{{- $enabled := list }}
{{- range .Files.Get "files/slos.yaml" | fromYamlArray }}
{{- $value := get $root.Values.metrics.prometheusRule.slos .value }}
{{- if $value.enabled }}
{{- $slo := dict "objective" $value.objective }}
{{- range $key, $text := . }}
{{- $_ := set $slo $key $text }}
{{- if kindIs "string" $text }}
{{- $_ := set $slo $key ($text | replace "[[pods]]" (include "holdfast.metrics.pods" $root) | replace "[[fullname]]" (include "holdfast.fullname" $root) | replace "[[seconds]]" (get $value "seconds" | toString)) }}
{{- end }}
{{- end }}
{{- $enabled = append $enabled $slo }}
{{- end }}
{{- end }}
{{- toJson $enabled }}
{{- end }}

{{/* Selects what is recorded for this release, in PromQL. */}}
{{- define "holdfast.slos.release" -}}
namespace="{{ .Release.Namespace }}", deployment="{{ include "holdfast.fullname" . }}"
{{- end }}

{{/* Recording rules, as a YAML list. */}}
{{- define "holdfast.slos.records" -}}
{{- $release := include "holdfast.slos.release" . }}
{{- $labels := dict "namespace" .Release.Namespace "deployment" (include "holdfast.fullname" .) }}
{{- $rules := list }}
{{- range include "holdfast.slos" . | fromJsonArray }}
{{- $own := merge (dict "slo" .slo) $labels }}
{{- $rules = append $rules (dict "record" "holdfast:slo_events:rate5m" "labels" $own "expr" (replace "[[range]]" "[5m]" .events)) }}
{{- $bad := .bad }}
{{- range $time := list "5m" "1h" "6h" }}
{{- $rules = append $rules (dict "record" (printf "holdfast:slo_bad_events:rate%s" $time) "labels" $own "expr" (replace "[[range]]" (printf "[%s]" $time) $bad)) }}
{{- end }}
{{- end }}
{{- $rules = append $rules (dict "record" "holdfast:slo_bad:ratio5m" "expr" (printf "holdfast:slo_bad_events:rate5m{%s} / holdfast:slo_events:rate5m{%s}" $release $release)) }}
{{- range $time := list "30m" "1h" "2h" "6h" "1d" "3d" }}
{{- $share := printf "sum_over_time(holdfast:slo_bad_events:rate5m{%s}[%s]) / sum_over_time(holdfast:slo_events:rate5m{%s}[%s])" $release $time $release $time }}
{{- $rules = append $rules (dict "record" (printf "holdfast:slo_bad:ratio%s" $time) "expr" $share) }}
{{- end }}
{{- toYaml $rules }}
{{- end }}

{{/* Whether the budget is used up `rate` times too fast, over a long time and still over a short one. Takes select, objective, rate, long, short. */}}
{{- define "holdfast.slos.burns" -}}
{{- $limit := printf "%v * (100 - %v) / 100" .rate .objective }}
{{- printf "(holdfast:slo_bad:ratio%s{%s} > %s and holdfast:slo_bad:ratio%s{%s} > %s)" .long .select $limit .short .select $limit }}
{{- end }}

{{/* Two alerts for each objective, as a YAML list. A few bad events never suffice: with little traffic, one of them can be a large share. */}}
{{- define "holdfast.slos.alerts" -}}
{{- $root := . }}
{{- $rules := list }}
{{- range $slo := include "holdfast.slos" . | fromJsonArray }}
{{- $select := printf "%s, slo=%q" (include "holdfast.slos.release" $root) .slo }}
{{- $burns := dict "select" $select "objective" .objective }}
{{- $fast := printf "(%s or %s) and holdfast:slo_bad_events:rate1h{%s} * 3600 >= 10" (include "holdfast.slos.burns" (merge (dict "rate" 14.4 "long" "1h" "short" "5m") $burns)) (include "holdfast.slos.burns" (merge (dict "rate" 6 "long" "6h" "short" "30m") $burns)) $select }}
{{- $slow := printf "(%s or %s) and holdfast:slo_bad_events:rate6h{%s} * 21600 >= 10" (include "holdfast.slos.burns" (merge (dict "rate" 3 "long" "1d" "short" "2h") $burns)) (include "holdfast.slos.burns" (merge (dict "rate" 1 "long" "3d" "short" "6h") $burns)) $select }}
{{- range $pace := list (dict "expr" $fast "severity" $slo.severity "name" "fast") (dict "expr" $slow "severity" "warning" "name" "slow") }}
{{- $annotations := dict "summary" (printf "%s: {{ $value | humanizePercentage }}, and the objective is %v %%." $slo.summary $slo.objective) "description" $slo.description }}
{{- $rules = append $rules (dict "alert" $slo.alert "expr" $pace.expr "labels" (dict "severity" $pace.severity "burn" $pace.name) "annotations" $annotations) }}
{{- end }}
{{- end }}
{{- toYaml $rules }}
{{- end }}
