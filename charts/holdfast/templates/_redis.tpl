{{/* Converts a quantity of memory, such as 256Mi or 1G, to bytes. */}}
{{- define "holdfast.bytes" -}}
{{- $units := dict "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 }}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) }}
{{- if not (hasKey $units $unit) }}
{{- fail (printf "redis.resources.limits.memory: expected a quantity in Mi or Gi, not in %q" $unit) }}
{{- end }}
{{- mulf (trimSuffix $unit (toString .) | float64) (get $units $unit) | int64 }}
{{- end }}

{{/* Redis's maxmemory in bytes, below the memory limit of its pod, which would kill it. */}}
{{- define "holdfast.redisMaxmemory" -}}
{{- $limit := dig "limits" "memory" "" (default dict .Values.redis.resources) }}
{{- if not $limit }}
{{- fail "redis.resources.limits.memory: expected a quantity, such as 256Mi: maxmemory follows from it" }}
{{- end }}
{{- divf (mulf (include "holdfast.bytes" $limit | float64) .Values.redis.maxmemoryPercentage) 100 | int64 }}
{{- end }}

{{- define "holdfast.redisConfig" -}}
# The password comes from a Secret, through stdin.
dir /data
maxmemory {{ include "holdfast.redisMaxmemory" . }}
# A full Redis refuses publishes; eviction would remove positions and members at random.
maxmemory-policy noeviction
save ""
appendonly {{ ternary "yes" "no" .Values.redis.persistence.enabled }}
{{- end }}
