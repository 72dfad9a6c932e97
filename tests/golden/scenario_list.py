"""Every scenario of law that the packs were written against: its number, and what it is about in a line.

A number that has no golden case stands in ``NEEDS``, with what it waits for; one that has both waits with a part.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

SCENARIOS: Final = MappingProxyType(
    {
        # the LINE case
        "L01": "an engineer of the Shanghai affiliate reads users in Japan; no notice names China",
        "L02": "the same, as of June 2020",
        "L03": "an equivalent system, last checked 400 days ago",
        "L04": "an equivalent system that the law of the country makes void",
        "L05": "any request of an entity that was blocked",
        "L06": "any place or employer in China, after access from there was said to be closed",
        "L07": "the Dalian sub-contractor of a contractor in Japan",
        "L09": "the contractor's own moderator in Fukuoka",
        "L10": "whether a contractor sub-contracts is unknown",
        "L11": "schema and synthetic rows for the monitoring tool",
        "L12": "messages pulled to train a model",
        "L13": "the controller's employee on a trip",
        "L15": "the Korean affiliate reads payments that people agreed to",
        "L16": "an image written to Korea after it was said to be in Japan only",
        "L18": "consultations read from abroad, with a general consent",
        "L19": "quarantine records read by a contractor abroad",
        "L20": "an announcement without personal data",
        "L21": "a public body writes what residents ask to a platform's own store",
        "L22": "a query of the record about one employer and its years",
        "L23": "standing access without ticket and purpose",
        "L25": "a token of the parent's directory",
        "L26": "messages without a second factor",
        "L28": "a service for people elsewhere, built in China",
        "L29": "police with a warrant, reviewed",
        "L30": "police without a warrant",
        "L31": "a warrant that is too broad",
        "L32": "a matter outside of the categories",
        "L34": "messages encrypted end to end",
        "L35": "police of another country, directly",
        "L36": "an organ of China, through the affiliate",
        # APPI
        "A01": "a designated country",
        "A02": "consent that names the country",
        "A04": "consent withdrawn",
        "A06": "a cloud that does not handle the data",
        "A08": "a certificate of the APEC CBPR",
        "A09": "rows sent to a wrong party: a breach case, and its first report",
        "A10": "a bulk export by an insider: the clock of a breach",
        # 28 CFR Part 202
        "D01": "a vendor's engineer who lives in a country of concern, bulk health data",
        "D02": "the statement that crosses the threshold",
        "D03": "exactly the threshold",
        "D04": "a firm owned to one half",
        "D05": "a firm owned to less than one half",
        "D08": "a person in the USA, whatever their citizenship",
        "D10": "genomes",
        "D11": "a sale to a covered person, and the draft of a report within 14 days",
        "D12": "a sale to a broker elsewhere, without and with an onward ban",
        "D13": "contact data and nothing else",
        "D14": "names with device ids",
        "D15": "a position in an area of the Government",
        "D17": "a corporate group transaction",
        "D19": "hashed data",
        "D20": "a firm held to 26 percent: the yearly report",
        "D21": "consent",
        "D22": "an export of ten years of decisions",
        # GDPR and UK GDPR
        "G01": "staff in China of an affiliate, clauses without an assessment",
        "G03": "a notice that names neither country nor remote access",
        "G04": "an employee on a trip",
        "G05": "an adequate country",
        "G08": "an adequacy that has expired",
        "G09": "Korea",
        "G10": "an order of a foreign court, served directly",
        "G12": "from the United Kingdom to Korea",
        # China and others
        "P01": "an export below the threshold",
        "P02": "the person at the threshold",
        "P04": "a foreign authority asks for what lies in China",
        "P05": "an operator of critical infrastructure",
        "X01": "Korea",
        "X03": "Taiwan: subscribers",
        "X04": "Taiwan: a recruiter",
        "X06": "Russia: where it is collected",
        "X07": "India",
        "X08": "Thailand",
    }
)

NEEDS: Final = MappingProxyType(
    {
        "A09": "reports: a case of a breach, its clock and the drafts of its reports",
        "A10": "reports: the same, with the sixty days of a suspected wrong",
        "D11": "reports: the draft of the report within 14 days; the decision itself is a case",
        "D20": "reports: the yearly report by 1 March; the decision itself is a case",
    }
)
