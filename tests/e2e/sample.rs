//! Rows in the shape of the incident export, made up.

const HEADER: &str = "number,incident_state,active,reassignment_count,reopen_count,sys_mod_count,\
made_sla,caller_id,opened_by,opened_at,sys_created_by,sys_created_at,sys_updated_by,sys_updated_at,\
contact_type,location,category,subcategory,u_symptom,cmdb_ci,impact,urgency,priority,\
assignment_group,assigned_to,knowledge,u_priority_confirmation,notify,problem_id,rfc,vendor,\
caused_by,closed_code,resolved_by,resolved_at,closed_at";

/// One event of incident `n`.
pub(crate) fn row(n: u32, version: u32) -> String {
    let minute = format!("{:02}:{:02}", n / 60 % 24, n % 60);
    format!(
        "INC{n:07},New,TRUE,0,0,{version},TRUE,Caller {n},Opened by  8,01-03-2026 {minute},\
Created by 6,01-03-2026 {minute},Updated by 21,02-03-2026 {minute},Phone,Location 1,Category 2,\
Subcategory 3,Symptom 4,?,2 - Medium,2 - Medium,3 - Moderate,Group 5,?,TRUE,FALSE,Do Not Notify,\
?,?,?,?,code 5,?,?,?"
    )
}

/// A file of `rows`.
pub(crate) fn csv(rows: impl Iterator<Item = String>) -> String {
    let mut text = HEADER.to_owned();
    for row in rows {
        text.push_str("\r\n");
        text.push_str(&row);
    }
    text + "\r\n"
}

/// Two hundred incidents.
pub(crate) fn small_csv() -> String {
    csv((0..200).map(|n| row(n, 0)))
}
