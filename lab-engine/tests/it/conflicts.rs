//! What is in the way of a lab is found before anything is made, and named.

use lab_engine::{CheckStatus, ErrorKind, UpOptions};

use crate::support::{Fake, all_anew, changed, fails, lab, up, up_recreating, up_with};

#[tokio::test(start_paused = true)]
async fn an_address_of_another_running_machine_is_refused_before_anything_is_made() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.neighbour("/v/theirs.vmx", "192.168.6.11");
    let (lab, _) = lab(directory.path(), &fake);
    let error = fails(&lab).await;
    assert_eq!(error.kind(), ErrorKind::Prerequisite);
    let text = error.to_string();
    assert!(
        text.contains("192.168.6.11") && text.contains("/v/theirs.vmx"),
        "{text}"
    );
    assert_eq!(fake.created(), 0);
    let checks = lab.doctor().await;
    let check = checks.iter().find(|c| c.id == "addresses").unwrap();
    assert_eq!(check.status, CheckStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_lab_that_is_up_is_not_in_its_own_way() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    fake.neighbour("/v/theirs.vmx", "192.168.6.11");
    up(&lab).await.result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_address_of_this_host_is_refused() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (first, _) = lab(directory.path(), &fake);
    let lab = changed(&first, &fake, |c| c.nodes.0[2].address = [127, 0, 0, 1].into());
    let error = fails(&lab).await;
    assert!(error.to_string().contains("address of this host"), "{error}");
    assert_eq!(fake.created(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_directory_in_a_nodes_place_is_found_before_anything_is_made_and_left_alone() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    let place = lab.paths().node("k3s-worker2");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("disk.vmdk"), "precious").unwrap();
    for options in [UpOptions::default(), all_anew()] {
        let error = up_with(&lab, &options).await.result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Prerequisite);
        assert!(error.to_string().contains("was not made by this lab"), "{error}");
    }
    assert_eq!(fake.created(), 0);
    assert!(place.join("disk.vmdk").exists());
}

#[tokio::test(start_paused = true)]
async fn a_lost_state_is_told_and_its_machines_are_made_anew_only_when_asked_for() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    let before = lab.state().unwrap().unwrap();
    std::fs::remove_file(lab.paths().state()).unwrap();
    let error = fails(&lab).await;
    assert!(error.to_string().contains("state.json was lost"), "{error}");
    assert!(
        error.help_text().unwrap().contains("--recreate k3s-master1"),
        "{error:?}"
    );
    assert_eq!(fake.created(), 4);
    assert_eq!(fake.running().len(), 3, "nothing was touched");
    assert_eq!(
        lab.state().unwrap().unwrap().lab_id,
        before.lab_id,
        "it is the same lab"
    );
    up_with(&lab, &all_anew()).await.result.unwrap();
    assert_eq!(fake.created(), 7);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_somebody_took_while_the_state_was_lost_is_not_given_to_a_machine_again() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    std::fs::remove_file(lab.paths().state()).unwrap();
    fake.neighbour("/v/theirs.vmx", "192.168.6.11");
    let error = up_with(&lab, &all_anew()).await.result.unwrap_err();
    assert!(error.to_string().contains("/v/theirs.vmx"), "{error}");
    assert_eq!(fake.created(), 4, "nothing was deleted or made");
}

#[tokio::test(start_paused = true)]
async fn a_lab_without_its_state_can_be_destroyed_with_its_machines() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    std::fs::remove_file(lab.paths().state()).unwrap();
    assert_eq!(lab.doomed(&[]).unwrap().unwrap().nodes.len(), 3);
    lab.destroy(&[]).await.unwrap();
    assert_eq!(fake.names(), ["template"]);
    assert!(!lab.paths().root().exists());
}

#[tokio::test(start_paused = true)]
async fn two_labs_cannot_have_the_same_address_on_one_network() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (first, _) = lab(directory.path(), &fake);
    up(&first).await.result.unwrap();
    let second = changed(&first, &fake, |c| c.lab.name = "second".to_owned());
    let error = fails(&second).await;
    assert!(
        error.to_string().contains("192.168.6.10") && error.to_string().contains("`lab`"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_made_anew_elsewhere_is_looked_for_there_too() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (first, _) = lab(directory.path(), &fake);
    up(&first).await.result.unwrap();
    fake.neighbour("/v/theirs.vmx", "192.168.6.99");
    let lab = changed(&first, &fake, |c| c.nodes.0[2].address = [192, 168, 6, 99].into());
    let error = up_recreating(&lab, &["k3s-worker2"]).await.unwrap_err();
    assert!(error.to_string().contains("/v/theirs.vmx"), "{error}");
    assert_eq!(fake.created(), 4, "nothing was deleted or made");
}

#[tokio::test(start_paused = true)]
async fn a_renamed_node_does_not_get_the_address_that_the_old_one_still_has() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (first, _) = lab(directory.path(), &fake);
    up(&first).await.result.unwrap();
    let lab = changed(&first, &fake, |c| c.nodes.0[2].name = "other".to_owned());
    let error = fails(&lab).await;
    assert!(error.to_string().contains("is still that of k3s-worker2"), "{error}");
    assert!(error.help_text().unwrap().contains("--node k3s-worker2"), "{error:?}");
    assert_eq!(fake.created(), 4);
    lab.destroy(&["k3s-worker2".to_owned()]).await.unwrap();
    up(&lab).await.result.unwrap();
}
