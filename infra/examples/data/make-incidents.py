#!/usr/bin/env python3
"""Writes incidents/sample.csv: invented incidents in the shape of a ServiceNow audit export.

One row is one update of one incident. Nothing is random that is not seeded, so the file is always the same:

    python3 make-incidents.py > incidents/sample.csv
"""

import csv
import random
import sys
from datetime import datetime, timedelta

HEADER = (
    "number,incident_state,active,reassignment_count,reopen_count,sys_mod_count,made_sla,caller_id,opened_by,"
    "opened_at,sys_created_by,sys_created_at,sys_updated_by,sys_updated_at,contact_type,location,category,"
    "subcategory,u_symptom,cmdb_ci,impact,urgency,priority,assignment_group,assigned_to,knowledge,"
    "u_priority_confirmation,notify,problem_id,rfc,vendor,caused_by,closed_code,resolved_by,resolved_at,closed_at"
).split(",")

CATEGORIES = {
    "Network": ["Wireless", "VPN", "DNS", "Firewall"],
    "Hardware": ["Laptop", "Printer", "Docking station", "Phone"],
    "Software": ["Office suite", "Browser", "ERP client", "Mail client"],
    "Access": ["Password reset", "Group membership", "New starter", "Badge"],
}
SITES = ["Lyon  HQ", "Graz", "Porto", "Oslo  North", "Home office"]
GROUPS = ["Service Desk", "Network  Operations", "Workplace", "Identity", "ERP  Support"]
LEVELS = {1: "High", 2: "Medium", 3: "Low"}
PRIORITIES = {1: "Critical", 2: "High", 3: "Moderate", 4: "Low"}
WAITING = ["Awaiting User Info", "Awaiting Vendor", "Awaiting Problem", "Awaiting Evidence"]
INCIDENTS = 75

rng = random.Random(20250301)


def stamp(moment):
    return "?" if moment is None else moment.strftime("%d-%m-%Y %H:%M")


def choice(level, names):
    return f"{level} - {names[level]}"


def states():
    """The way of one incident: new, worked on, sometimes waiting, resolved, mostly closed."""
    way = ["New"] + ["Active"] * rng.randint(1, 2)
    if rng.random() < 0.3:
        way += [rng.choice(WAITING), "Active"]
    if rng.random() < 0.9:
        way.append("Resolved")
        if rng.random() < 0.8:
            way.append("Closed")
    return way


def incident(at):
    """All rows of one incident."""
    opened = datetime(2025, 3, 3, 7, 0) + timedelta(minutes=at * 95 + rng.randint(0, 60))
    category = rng.choice(list(CATEGORIES))
    impact, urgency = rng.choices([1, 2, 3], [1, 7, 2], k=2)
    priority = max(1, min(4, impact + urgency - 1))
    desk = f"Desk  {rng.randint(1, 9)}"
    row = {
        "number": f"INC{7000 + at:07}",
        "caller_id": f"Employee {rng.randint(100, 999)}",
        "opened_by": desk,
        "opened_at": stamp(opened),
        "sys_created_by": rng.choice([desk, "?"]),
        "sys_created_at": stamp(rng.choice([opened + timedelta(minutes=4), None])),
        "contact_type": rng.choice(["Phone", "Self-service", "Email"]),
        "location": rng.choice(SITES),
        "category": category,
        "subcategory": rng.choice(CATEGORIES[category]),
        "u_symptom": rng.choice(["Does not start", "Is slow", "Shows an error", "?"]),
        "cmdb_ci": rng.choice(["?", "?", "?", f"asset-{rng.randint(1000, 1999)}"]),
        "impact": choice(impact, LEVELS),
        "urgency": choice(urgency, LEVELS),
        "priority": choice(priority, PRIORITIES),
        "notify": "Do Not Notify",
        "problem_id": "?", "rfc": "?", "vendor": "?", "caused_by": "?",
        "closed_code": "?", "resolved_by": "?", "resolved_at": "?", "closed_at": "?",
    }
    rows, now, moved, mod = [], opened, 0, 0
    for state in states():
        now += timedelta(minutes=rng.randint(3, 600))
        moved += state == "Active" and rng.random() < 0.4
        if state == "Resolved":
            row |= {"resolved_by": f"Resolver  {rng.randint(1, 40)}", "resolved_at": stamp(now),
                    "closed_code": f"code {rng.randint(1, 9)}"}
        if state == "Closed":
            row["closed_at"] = stamp(now)
        rows.append(row | {
            "incident_state": state,
            "active": str(state != "Closed").upper(),
            "reassignment_count": moved, "reopen_count": 0, "sys_mod_count": mod,
            "made_sla": str(now - opened < timedelta(days=2)).upper(),
            "sys_updated_by": f"Agent {rng.randint(1, 60)}",
            "sys_updated_at": stamp(now),
            "assignment_group": rng.choice(GROUPS),
            "assigned_to": rng.choice(["?", f"Agent {rng.randint(1, 60)}"]),
            "knowledge": rng.choice(["TRUE", "FALSE"]),
            "u_priority_confirmation": rng.choice(["TRUE", "FALSE"]),
        })
        mod += rng.choice([1, 1, 1, 2, 3])
    return rows


def main():
    events = [row for at in range(INCIDENTS) for row in incident(at)]
    # One incident has its last two updates the wrong way round: sys_mod_count tells which is newer.
    last = max(at for at, row in enumerate(events) if row["number"] == "INC0007011")
    events[last - 1], events[last] = events[last], events[last - 1]
    rows = [[event[column] for column in HEADER] for event in events]

    def dirty(change, at):
        row = list(rows[at])
        change(row)
        rows.insert(at, row)

    def put(column, text):
        return lambda row: row.__setitem__(HEADER.index(column), text)

    # Last first, so that a place stays where it was when the one before it is made.
    dirty(lambda row: row.append("one too many"), 310)
    dirty(put("incident_state", "Zombie"), 262)
    dirty(put("opened_at", "31-02-2025 10:00"), 214)
    dirty(put("priority", "9 - Whatever"), 171)
    dirty(put("number", ""), 128)
    dirty(put("made_sla", "perhaps"), 96)
    dirty(lambda row: row.pop(), 53)
    dirty(put("sys_updated_at", "yesterday"), 20)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows)


main()
