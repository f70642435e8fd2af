{{/*
Selects the metrics of this release's pods, in PromQL. The pods of a Deployment have two more parts in their name, so that a release `holdfast`
does not select those of a release `holdfast-eu`. Every way to scrape has these two labels; labels of pods are missing in most.
*/}}
{{- define "holdfast.metrics.pods" -}}
namespace="{{ .Release.Namespace }}", pod=~"{{ include "holdfast.fullname" . }}-[a-z0-9]+-[a-z0-9]{5}"
{{- end }}

{{/* Alerts with the URLs of their runbooks, as a YAML list. Takes alerts and runbooks. */}}
{{- define "holdfast.metrics.alerts" -}}
{{- range $alert := .alerts }}
{{- $_ := set $alert.annotations "runbook_url" (printf "%s/%s.md" (trimSuffix "/" $.runbooks) $alert.alert) }}
{{- end }}
{{- toYaml .alerts }}
{{- end }}

{{/* A dashboard for this release, as JSON. It has its own uid, because Grafana keeps only one dashboard with each. Takes root and file. */}}
{{- define "holdfast.metrics.dashboard" -}}
{{- $fullname := include "holdfast.fullname" .root }}
{{- $namespace := .root.Release.Namespace }}
{{- $dashboard := .root.Files.Get .file | fromJson }}
{{- $_ := set $dashboard "uid" (printf "%s-%s" $dashboard.uid (printf "%s/%s" $namespace $fullname | sha256sum | trunc 12)) }}
{{- $_ := set $dashboard "title" (printf "%s: %s/%s" $dashboard.title $namespace $fullname) }}
{{- $current := dict "namespace" $namespace "deployment" $fullname }}
{{- range $variable := $dashboard.templating.list }}
{{- with get $current $variable.name }}
{{- $_ := set $variable "current" (dict "text" . "value" .) }}
{{- end }}
{{- end }}
{{- toPrettyJson $dashboard }}
{{- end }}
