{{- define "sekisho.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "sekisho.selector" -}}
app.kubernetes.io/name: sekisho
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "sekisho.labels" -}}
{{ include "sekisho.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "sekisho.image" -}}
{{- .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* As every container of ours runs: as nobody, without rights, on a root that cannot be written. */}}
{{- define "sekisho.security" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* What the chart knows better than whoever writes the configuration: where doors listen, and where things lie. */}}
{{- define "sekisho.config" -}}
{{- $doors := .Values.doors -}}
{{- $postgres := dict "address" (printf "0.0.0.0:%d" (int $doors.postgres.port)) "tls" (dict "certificate" "/etc/sekisho/tls/postgres/tls.crt" "key" "/etc/sekisho/tls/postgres/tls.key") -}}
{{- with .Values.service.proxyProtocolFrom }}{{ $_ := set $postgres "edges" . }}{{ end -}}
{{- $http := dict "address" (printf "0.0.0.0:%d" (int $doors.http.port)) -}}
{{- if $doors.http.tlsSecret }}{{ $_ := set $http "tls" (dict "certificate" "/etc/sekisho/tls/http/tls.crt" "key" "/etc/sekisho/tls/http/tls.key") }}{{ end -}}
{{- $listeners := dict "postgres" (list $postgres) "http" $http -}}
{{- if $doors.grpc.enabled -}}
{{- $_ := set $listeners "grpc" (dict "address" (printf "0.0.0.0:%d" (int $doors.grpc.port)) "tls" (dict "certificate" "/etc/sekisho/tls/grpc/tls.crt" "key" "/etc/sekisho/tls/grpc/tls.key")) -}}
{{- end -}}
{{- $ours := dict "listeners" $listeners "record" (dict "directory" "/var/lib/sekisho/record") -}}
{{- if .Values.opa.enabled }}{{ $_ := set $ours "policy" (dict "engine" "opa" "opa" (dict "url" "http://127.0.0.1:8181")) }}{{ end -}}
{{- mustMergeOverwrite (deepCopy .Values.config) $ours | toYaml -}}
{{- end -}}
