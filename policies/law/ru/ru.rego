# METADATA
# title: Federal Law 152-FZ (Russia)
# description: Art. 18(5), where data about people in Russia is collected. Transfers under Art. 12 are not looked at here.
package law.ru

import data.regimes.ru
import data.sekisho.lib
import data.sekisho.transfers

# METADATA
# title: "Data about people in Russia is recorded in Russia"
# description: |
#   Needs statement.effect and the storage countries. Collecting, recording and storing in databases abroad is prohibited.
# scope: rule
# custom:
#   id: ru-152fz-18-5
#   layer: law
#   citation: "152-FZ Art. 18(5), as amended by 23-FZ"
#   effective_from: 2025-07-01
#   mode: enforce
#   cases: [X06]
passed contains "ru-152fz-18-5" if _recorded_there

_recorded_there if not transfers.concerned("ru")

_recorded_there if input.statement.effect in {"none", "read", "session"}

_recorded_there if {
	count(input.data.storage_countries) > 0
	every country in input.data.storage_countries {
		country in ru.home
	}
}

# METADATA
# title: Findings
# description: What this pack has to say, one entry for each fact that failed.
# scope: document
findings contains lib.finding("ru-152fz-18-5", {
	"message": sprintf("data about people in Russia is not recorded in a database in %s", [
		lib.list(input.data.storage_countries),
	]),
	"fact": "data.storage_countries",
	"value": input.data.storage_countries,
	"remedy": "a database in Russia",
}) if {
	not _recorded_there
}
