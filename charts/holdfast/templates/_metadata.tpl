{{/*
The `metadata` of an object, as YAML. Takes root and name, and optionally component, labels, annotations and ownAnnotations. They are
merged as maps, so that no key occurs twice: the object's take precedence over commonLabels and commonAnnotations, and these over the
chart's labels; ownAnnotations cannot be replaced.
*/}}
{{- define "holdfast.metadata" -}}
{{- $labels := list (include "holdfast.chartLabels" . | fromJson) (include "holdfast.commonLabels" .root | fromJson) .labels }}
{{- $metadata := dict "name" .name "namespace" .root.Release.Namespace "labels" (include "holdfast.strings" $labels | fromJson) }}
{{- with include "holdfast.strings" (list .root.Values.commonAnnotations .annotations .ownAnnotations) | fromJson }}
{{- $_ := set $metadata "annotations" . }}
{{- end }}
{{- toYaml $metadata }}
{{- end }}

{{/*
The `metadata` of a pod's template, as YAML, likewise. Takes root, and optionally component, labels, annotations and ownAnnotations. The labels
that select the pod take precedence.
*/}}
{{- define "holdfast.podMetadata" -}}
{{- $labels := list (include "holdfast.commonLabels" .root | fromJson) .labels (include "holdfast.componentLabels" . | fromYaml) }}
{{- $metadata := dict "labels" (include "holdfast.strings" $labels | fromJson) }}
{{- with include "holdfast.strings" (list .annotations .ownAnnotations) | fromJson }}
{{- $_ := set $metadata "annotations" . }}
{{- end }}
{{- toYaml $metadata }}
{{- end }}

{{/* The chart's labels of an object, as JSON. Takes root, and optionally component. */}}
{{- define "holdfast.chartLabels" -}}
{{- $labels := dict "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") }}
{{- $_ := set $labels "app.kubernetes.io/version" .root.Chart.AppVersion }}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service }}
{{- $_ := set $labels "app.kubernetes.io/part-of" (include "holdfast.name" .root) }}
{{- merge $labels (include "holdfast.componentLabels" . | fromYaml) | toJson }}
{{- end }}

{{/* The labels that select the pods of a component, which is the gateway by default. They must never change, because a Deployment's selector cannot. */}}
{{- define "holdfast.componentLabels" -}}
{{- $labels := dict "app.kubernetes.io/name" (include "holdfast.name" .root) }}
{{- $_ := set $labels "app.kubernetes.io/instance" .root.Release.Name }}
{{- $_ := set $labels "app.kubernetes.io/component" (default "gateway" .component) }}
{{- toYaml $labels }}
{{- end }}

{{- define "holdfast.selectorLabels" -}}
{{- include "holdfast.componentLabels" (dict "root" .) }}
{{- end }}

{{- define "holdfast.redisSelectorLabels" -}}
{{- include "holdfast.componentLabels" (dict "root" . "component" "redis") }}
{{- end }}

{{- define "holdfast.testLabels" -}}
{{- include "holdfast.componentLabels" (dict "root" . "component" "test") }}
{{- end }}

{{- define "holdfast.commonLabels" -}}
{{- $labels := dict }}
{{- range $key, $value := include "holdfast.strings" (list .Values.commonLabels) | fromJson }}
{{- $_ := set $labels $key (tpl $value $) }}
{{- end }}
{{- toJson $labels }}
{{- end }}

{{/*
A list of maps as one map with strings as values, as JSON, because a string at the end of Helm's YAML loses its line break; later ones take precedence, and null removes a key. Labels, annotations and node
selectors have only strings, but YAML reads an unquoted 8001 or true as something else.
*/}}
{{- define "holdfast.strings" -}}
{{- $strings := dict }}
{{- range . }}
{{- range $key, $value := . }}
{{- if kindIs "invalid" $value }}
{{- $_ := unset $strings $key }}
{{- else }}
{{- $_ := set $strings $key (include "holdfast.string" $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $strings }}
{{- end }}

{{/* Helm reads a number from a values file as a float64, which is printed as 2.0241127e+07. */}}
{{- define "holdfast.string" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}
