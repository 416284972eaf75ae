//! The format of maintenances. A page, which may be large, is written once for all services that share it.

use std::sync::Arc;

use rules::{Maintained, Maintenance, Network, Notice, Time};
use serde::{Deserialize, Serialize};

use super::word::{self, ActorWord};

#[derive(Serialize, Deserialize)]
pub(super) struct NoticeRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MaintenanceRecord {
    since: u64,
    by: ActorWord,
    /// The index of the notice in the snapshot.
    notice: usize,
}

/// The notices of a snapshot.
#[derive(Default)]
pub(super) struct Notices(Vec<Arc<Notice>>);

/// Decodes the beginning, change or end of a maintenance.
pub(super) fn maintained(
    services: &[String],
    actor: ActorWord,
    at: u64,
    notice: Option<NoticeRecord>,
) -> Result<Maintained, String> {
    let notice = notice.map(|record| Notice::try_from(record).map(Arc::new)).transpose()?;
    let services = word::services(services)?;
    Ok(Maintained { services, actor: actor.into(), at: Time(at), notice })
}

// === impl NoticeRecord ===

impl From<&Notice> for NoticeRecord {
    fn from(notice: &Notice) -> Self {
        Self {
            message: notice.message.clone(),
            page: notice.page.as_deref().map(str::to_owned),
            allow: notice.allow.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<NoticeRecord> for Notice {
    type Error = String;

    fn try_from(record: NoticeRecord) -> Result<Self, String> {
        let allow = record.allow.iter().map(|network| Network::parse(network));
        let allow = allow.collect::<Result<_, _>>()?;
        Ok(Self { message: record.message, page: record.page.map(Arc::from), allow })
    }
}

// === impl Notices ===

impl Notices {
    pub(super) fn read(records: Vec<NoticeRecord>) -> Result<Self, String> {
        let notices = records.into_iter().map(|record| Notice::try_from(record).map(Arc::new));
        notices.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn records(&self) -> Vec<NoticeRecord> {
        self.0.iter().map(|notice| NoticeRecord::from(&**notice)).collect()
    }

    /// Adds the notice of a maintenance, if it is not there yet.
    pub(super) fn record(&mut self, maintenance: &Maintenance) -> MaintenanceRecord {
        let known = self.0.iter().position(|known| *known == maintenance.notice);
        let notice = known.unwrap_or(self.0.len());
        if known.is_none() {
            self.0.push(maintenance.notice.clone());
        }
        MaintenanceRecord { since: maintenance.since.0, by: (&maintenance.by).into(), notice }
    }

    pub(super) fn maintenance(&self, record: MaintenanceRecord) -> Result<Maintenance, String> {
        let missing = || "the notice of a maintenance is missing".to_owned();
        let notice = self.0.get(record.notice).cloned().ok_or_else(missing)?;
        Ok(Maintenance { since: Time(record.since), by: record.by.into(), notice })
    }
}
