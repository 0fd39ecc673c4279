//! What the stages are called, in both languages.

use stage_timer::Labels;

/// The labels of all stages; English ones are those of the scripts that this replaces.
pub fn stage_labels() -> Labels {
    [
        ("prerequisites", "Prerequisites", "사전 검사"),
        ("cleanup", "Cleanup existing VMs", "기존 VM 정리"),
        ("delete", "Delete VM", "VM 삭제"),
        ("create-master", "Create master VM", "마스터 VM 생성"),
        ("create-workers", "Create worker VMs", "워커 VM 생성"),
        ("template", "Template", "템플릿"),
        ("payload", "Payload image", "페이로드 이미지"),
        ("create", "Create VM", "VM 생성"),
        ("reconfigure", "Change CPUs and memory", "CPU·메모리 변경"),
        ("start", "Start VMs", "VM 시작"),
        ("stop", "Stop VMs", "VM 정지"),
        ("snapshot", "Take snapshots", "스냅샷 생성"),
        ("revert", "Revert to snapshots", "스냅샷 복원"),
        ("delete-snapshot", "Delete snapshots", "스냅샷 삭제"),
        ("apply", "Apply changes", "변경 적용"),
        ("wait-ready", "Wait for VMs ready", "VM 준비 대기"),
        ("monitor", "Monitor initialization completion", "초기화 완료 확인"),
        ("disconnect", "Disconnect ISOs", "ISO 분리"),
        ("restart", "Restart VMs", "VM 재시작"),
        ("verify", "Verify cluster", "클러스터 검증"),
    ]
    .into_iter()
    .fold(Labels::new(), |labels, (id, en, ko)| labels.with(id, en, ko))
}
