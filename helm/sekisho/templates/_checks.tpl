{{/* What would install and not work, or not be safe: refused here, with the value to look at first. */}}
{{- define "sekisho.checks" -}}
{{- $values := .Values -}}
{{- $config := .Values.config -}}
{{- if and (eq $values.record.durability "remote") (not (dig "record" "remote" false $config)) }}
{{- fail "record.durability: remote needs config.record.remote: without it the record would end with the pod" }}
{{- end }}
{{- if not (include "sekisho.tls.postgres" .) }}
{{- fail "doors.postgres.tlsSecret: a Secret of type kubernetes.io/tls, or `certificates`, is needed: tokens do not go over a plain line" }}
{{- end }}
{{- if and $values.doors.grpc.enabled (not (include "sekisho.tls.grpc" .)) }}
{{- fail "doors.grpc.tlsSecret: a Secret of type kubernetes.io/tls, or `certificates`, is needed: tokens do not go over a plain line" }}
{{- end }}
{{- if and $values.certificates.enabled (not $values.certificates.issuer.name) }}
{{- fail "certificates.issuer.name: name cert-manager's issuer" }}
{{- end }}

{{- /* An end in order. */}}
{{- $drain := divf (dig "limits" "drain_timeout_ms" 10000 $config) 1000 }}
{{- if le (float64 $values.preStopSeconds) $drain }}
{{- fail (printf "preStopSeconds: %d is not longer than the drain (config.limits.drain_timeout_ms: %v s): people would still be sent to a gateway that has gone" (int $values.preStopSeconds) $drain) }}
{{- end }}
{{- $needed := addf $values.preStopSeconds $drain 15 }}
{{- if lt (float64 $values.terminationGracePeriodSeconds) $needed }}
{{- fail (printf "terminationGracePeriodSeconds: %d would cut the end: waiting (preStopSeconds), draining (config.limits.drain_timeout_ms) and 15 s to close doors and record need %v" (int $values.terminationGracePeriodSeconds) $needed) }}
{{- end }}
{{- if and $values.autoscaling.enabled (gt (int $values.autoscaling.minReplicas) (int $values.autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas: more than maxReplicas" }}
{{- end }}

{{- /* Policy and registry. */}}
{{- $registry := dig "registry" "directory" "" $config }}
{{- if and $values.bundle.url $values.bundle.registry }}
{{- if $registry }}
{{- fail "config.registry.directory: the bundle brings the registry (bundle.registry): name one of them" }}
{{- end }}
{{- else if not (hasPrefix "/etc/sekisho/data/" $registry) }}
{{- fail "bundle.url: name the bundle that brings policy and registry, or put config.registry.directory below /etc/sekisho/data (dataVolumes)" }}
{{- end }}
{{- if and $values.bundle.url (not $values.bundle.publicKey) (not (dig "policy" "bundle" "accept_unsigned" false $config)) }}
{{- fail "bundle.publicKey: say whose signature counts, or config.policy.bundle.accept_unsigned: true" }}
{{- end }}
{{- if and (or $values.bundle.tokenFile $values.bundle.caFile) (not $values.bundle.secret) }}
{{- fail "bundle.secret: name the Secret that tokenFile and caFile are keys of" }}
{{- end }}
{{- if and $values.opa.enabled (not $values.bundle.url) (not $values.opa.config) }}
{{- fail "opa.config: say where OPA has its rules from, or use bundle.url" }}
{{- end }}
{{- $mounted := $values.secrets }}
{{- range regexFindAll "/etc/sekisho/secrets/[^/\"]+" (printf "%s%s" (toJson $config) (toJson $values.doors)) -1 }}
{{- if not (has (base .) $mounted) }}
{{- fail (printf "secrets: %s is named in the configuration, and not mounted" (base .)) }}
{{- end }}
{{- end }}
{{- $volumes := list }}
{{- range $values.dataVolumes }}{{ $volumes = append $volumes .name }}{{ end }}
{{- range regexFindAll "/etc/sekisho/data/[^/\"]+" (toJson $config) -1 }}
{{- if not (has (base .) $volumes) }}
{{- fail (printf "dataVolumes: %s is named in the configuration, and not there" (base .)) }}
{{- end }}
{{- end }}

{{- /* Who reaches what. */}}
{{- if $values.networkPolicy.enabled }}
{{- if not $values.networkPolicy.egress }}
{{- fail "networkPolicy.egress: name where the database, the issuers and the bundle server are; the gateway would reach nothing but DNS" }}
{{- end }}
{{- if and (ne $values.service.type "ClusterIP") (not (contains "ipBlock" (toJson $values.networkPolicy.from))) }}
{{- fail (printf "networkPolicy.from: the service is a %s, and no network outside of the cluster (ipBlock) may come" $values.service.type) }}
{{- end }}
{{- end }}
{{- if and $values.networkPolicy.database.enabled (not $values.networkPolicy.database.podSelector) }}
{{- fail "networkPolicy.database.podSelector: name the database's pods; an empty one would cut off every pod of the namespace" }}
{{- end }}
{{- end -}}
