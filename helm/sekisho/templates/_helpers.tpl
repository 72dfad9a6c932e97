{{/* Whether this release is a gateway: there is another kind, in which the gateways are in the pods that ask. */}}
{{- define "sekisho.gateway" -}}
{{- if eq (.Values.mode | default "gateway") "gateway" }}yes{{ end -}}
{{- end -}}

{{- define "sekisho.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "sekisho.selector" -}}
app.kubernetes.io/name: sekisho
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "sekisho.selector.test" -}}
app.kubernetes.io/name: sekisho
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end -}}

{{- define "sekisho.labels" -}}
{{ include "sekisho.selector" . }}
{{ include "sekisho.labels.chart" . }}
{{- end -}}

{{- define "sekisho.labels.chart" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "sekisho.image" -}}
{{- .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "sekisho.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
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

{{/* The Secret with a door's certificate; nothing where there is none. */}}
{{- define "sekisho.tls" -}}
{{- if .own }}{{ .own }}{{ else if .root.Values.certificates.enabled }}{{ include "sekisho.name" .root }}-tls{{ end -}}
{{- end -}}
{{- define "sekisho.tls.postgres" -}}{{ include "sekisho.tls" (dict "root" . "own" .Values.doors.postgres.tlsSecret) }}{{- end -}}
{{- define "sekisho.tls.grpc" -}}{{ if .Values.doors.grpc.enabled }}{{ include "sekisho.tls" (dict "root" . "own" .Values.doors.grpc.tlsSecret) }}{{ end }}{{- end -}}
{{- define "sekisho.tls.http" -}}{{ include "sekisho.tls" (dict "root" . "own" .Values.doors.http.tlsSecret) }}{{- end -}}

{{/* What the chart knows better than whoever writes the configuration: where doors listen, and where things lie. */}}
{{- define "sekisho.listener" -}}
{{- $ours := dict "address" (printf "0.0.0.0:%d" (int .port)) -}}
{{- if .secret }}{{ $_ := set $ours "tls" (dict "certificate" (printf "/etc/sekisho/tls/%s/tls.crt" .door) "key" (printf "/etc/sekisho/tls/%s/tls.key" .door)) }}{{ end -}}
{{- with .edges }}{{ $_ := set $ours "edges" . }}{{ end -}}
{{- mustMergeOverwrite (deepCopy .options) $ours | toJson -}}
{{- end -}}

{{- define "sekisho.config" -}}
{{- $doors := .Values.doors -}}
{{- $postgres := include "sekisho.listener" (dict "door" "postgres" "port" $doors.postgres.port "secret" (include "sekisho.tls.postgres" .) "options" $doors.postgres.options "edges" .Values.service.proxyProtocolFrom) | fromJson -}}
{{- $http := include "sekisho.listener" (dict "door" "http" "port" $doors.http.port "secret" (include "sekisho.tls.http" .) "options" $doors.http.options) | fromJson -}}
{{- $listeners := dict "postgres" (list $postgres) "http" $http -}}
{{- if $doors.grpc.enabled -}}
{{- $_ := set $listeners "grpc" (include "sekisho.listener" (dict "door" "grpc" "port" $doors.grpc.port "secret" (include "sekisho.tls.grpc" .) "options" $doors.grpc.options) | fromJson) -}}
{{- end -}}
{{- $ours := dict "listeners" $listeners "record" (dict "directory" "/var/lib/sekisho/record") -}}
{{- $policy := dict -}}
{{- if .Values.opa.enabled }}{{ $policy = dict "engine" "opa" "opa" (dict "url" "http://127.0.0.1:8181") }}{{ end -}}
{{- with .Values.bundle }}
{{- if .url }}
{{- $bundle := dict "url" .url "directory" "/var/lib/sekisho/bundle" }}
{{- if .publicKey }}{{ $_ := set $bundle "key" "/etc/sekisho/config/bundle.pem" }}{{ end }}
{{- if .tokenFile }}{{ $_ := set $bundle "token_file" (printf "/etc/sekisho/bundle/%s" .tokenFile) }}{{ end }}
{{- if .caFile }}{{ $_ := set $bundle "ca" (printf "/etc/sekisho/bundle/%s" .caFile) }}{{ end }}
{{- $_ := set $policy "bundle" $bundle }}
{{- if .registry }}{{ $_ := set $ours "registry" (dict "directory" "/var/lib/sekisho/bundle/current/registry" "delivery" "symlink") }}{{ end }}
{{- end }}
{{- end }}
{{- if $policy }}{{ $_ := set $ours "policy" $policy }}{{ end -}}
{{- mustMergeOverwrite (deepCopy .Values.config) $ours | toYaml -}}
{{- end -}}

{{/* OPA's own configuration: the same bundle, believed by the same key, and asked for as often as the gateway asks at least. */}}
{{- define "sekisho.opa.config" -}}
{{- $ours := dict -}}
{{- with .Values.bundle }}
{{- if .url }}
{{- $from := urlParse .url }}
{{- $service := dict "url" (printf "%s://%s" $from.scheme $from.host) }}
{{- if .tokenFile }}{{ $_ := set $service "credentials" (dict "bearer" (dict "token_path" (printf "/etc/sekisho/bundle/%s" .tokenFile))) }}{{ end }}
{{- if .caFile }}{{ $_ := set $service "tls" (dict "ca_cert" (printf "/etc/sekisho/bundle/%s" .caFile)) }}{{ end }}
{{- $bundle := dict "service" "bundles" "resource" (printf "%s%s" $from.path (ternary (printf "?%s" $from.query) "" (ne $from.query ""))) "polling" (dict "min_delay_seconds" 1 "max_delay_seconds" 2) }}
{{- $ours = dict "services" (dict "bundles" $service) "bundles" (dict "sekisho" $bundle) }}
{{- if .publicKey }}
{{- $signed := dig "policy" "bundle" dict $.Values.config }}
{{- $_ := set $bundle "signing" (dict "keyid" "sekisho") }}
{{- $_ := set $ours "keys" (dict "sekisho" (dict "algorithm" ($signed.algorithm | default "ES256") "key" .publicKey)) }}
{{- with $signed.scope }}{{ $_ := set $bundle.signing "scope" . }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- mustMergeOverwrite $ours (deepCopy .Values.opa.config) | toYaml -}}
{{- end -}}
