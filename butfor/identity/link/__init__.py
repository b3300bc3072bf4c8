"""Link records of people that share no number: typing errors, missing fields and second addresses are expected.

::

    linked = link_records(records, {"full_name": "name", "birth_date": "dob", "email": "mail"}, key="id")
    linked.people                     # record, person
    linked.explain("crm-17", "web-4") # a waterfall: which comparison gave how many bits
    linked.proposals                  # pairs of people that somebody should look at
"""

from butfor.identity.link.linked import Evidence, Explanation, Linked
from butfor.identity.link.prepare import ROLES, Roles
from butfor.identity.link.run import link_records
from butfor.identity.link.threshold import Lanes, Policy

__all__ = ["ROLES", "Evidence", "Explanation", "Lanes", "Linked", "Policy", "Roles", "link_records"]
