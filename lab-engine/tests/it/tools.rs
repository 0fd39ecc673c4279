//! Logs, the kubeconfig, images and the support bundle of a lab.

use std::time::Duration;

use lab_engine::{ErrorKind, Lab, LogRequest, LogSource};
use vmrun_rs::guest::GuestCommand;

use crate::support::{Fake, lab, up};

async fn ready(directory: &std::path::Path, fake: &Fake) -> Lab {
    let (lab, _) = lab(directory, fake);
    up(&lab).await.result.unwrap();
    lab
}

fn request(source: LogSource, follow: bool) -> LogRequest {
    LogRequest {
        source,
        lines: 10,
        follow,
    }
}

#[tokio::test(start_paused = true)]
async fn a_guests_log_is_followed_through_a_reboot_without_a_line_twice() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = ready(directory.path(), &fake).await;
    fake.write_log("one\ntwo\n");
    let told = std::sync::Mutex::new(Vec::new());
    let mut line = |l: &str| told.lock().unwrap().push(l.to_owned());
    let follow = lab.logs("k3s-worker1", request(LogSource::Bootstrap, true), None, &mut line);
    let world = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        fake.write_log("three\nfou");
        fake.change("k3s-worker1", |g| g.answers = Duration::from_secs(340));
        tokio::time::sleep(Duration::from_secs(60)).await;
        fake.write_log("r\n");
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    tokio::select! {
        end = follow => panic!("it follows until it is dropped: {end:?}"),
        () = world => {}
    }
    assert_eq!(*told.lock().unwrap(), ["one", "two", "three", "four"]);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_not_there_and_a_guest_that_does_not_answer_are_told_apart() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = ready(directory.path(), &fake).await;
    let mut line = |_: &str| {};
    let error = lab
        .logs("k3s-worker1", request(LogSource::CloudInit, false), None, &mut line)
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotReady);
    fake.power_off();
    let error = lab
        .logs("k3s-worker1", request(LogSource::Bootstrap, false), None, &mut line)
        .await;
    assert!(error.unwrap_err().one_line().contains("cannot reach"));
    let error = lab
        .logs("k3s-worker1", request(LogSource::Console, false), None, &mut line)
        .await;
    assert!(error.unwrap_err().to_string().contains("no console"));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_end_in_time_is_a_time_out_of_each_node() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = ready(directory.path(), &fake).await;
    let nodes = ["k3s-master1", "k3s-worker1"].map(str::to_owned);
    let slow = GuestCommand::new(["sleep", "4000"]).timeout(Duration::from_secs(30));
    let answers = lab.exec(&nodes, &slow, None).await.unwrap();
    for (name, answer) in answers {
        let error = answer.unwrap_err();
        assert_eq!(
            (error.kind(), error.node_name()),
            (ErrorKind::TimedOut, Some(name.as_str()))
        );
        assert!(error.to_string().contains("did not end within 30 s"), "{error}");
        assert!(error.help_text().unwrap().contains("--timeout"));
    }
    let quick = lab.exec(&nodes, &GuestCommand::new(["true"]), None).await.unwrap();
    assert!(quick.iter().all(|(_, answer)| answer.as_ref().unwrap().success()));
}

#[tokio::test(start_paused = true)]
async fn the_kubeconfig_is_written_and_merged_as_a_whole_for_its_owner_only() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (none, _) = lab(directory.path(), &fake);
    assert_eq!(none.kubeconfig().unwrap_err().kind(), ErrorKind::NotReady);
    let lab = ready(directory.path(), &fake).await;
    let file = directory.path().join("kube/config");
    let merged = lab.kubeconfig_merge(&file, None, false).unwrap();
    assert_eq!(
        (merged.context.as_str(), merged.current, merged.replaced),
        ("lab", true, false)
    );
    let other = lab.kubeconfig_merge(&file, Some("second"), false).unwrap();
    assert!(!other.current, "what was current stays");
    assert!(lab.kubeconfig_merge(&file, Some("second"), true).unwrap().current);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("current-context: second") && text.contains("name: lab"),
        "{text}"
    );
    std::fs::write(file.with_extension("lock"), "").unwrap();
    let error = lab.kubeconfig_merge(&file, None, false).unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let own = directory.path().join("own");
    lab.kubeconfig_write(&own).unwrap();
    assert_eq!(std::fs::read_to_string(&own).unwrap(), lab.kubeconfig().unwrap());
    #[cfg(unix)]
    for path in [&file, &own] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_kubeconfig_of_the_lab_is_refused_without_its_lines() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = ready(directory.path(), &fake).await;
    std::fs::write(
        lab.paths().kubeconfig(),
        "users:\n- user:\n    client-key-data: [canary-7\n",
    )
    .unwrap();
    let file = directory.path().join("config");
    let error = lab.kubeconfig_merge(&file, None, false).unwrap_err();
    let text = format!("{} {error:?}", error.one_line());
    assert!(
        text.contains("the lab's kubeconfig cannot be understood") && !text.contains("canary-7"),
        "{text}"
    );
    assert!(!file.exists());
}

#[tokio::test(start_paused = true)]
async fn an_image_is_imported_once_and_only_if_it_is_the_one_that_was_expected() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    let file = directory.path().join("image.vmdk");
    let error = lab.import_image(&file, Some("00"), None).await.unwrap_err();
    assert!(
        error.detail_lines().iter().any(|l| l.starts_with("found ")),
        "{error:?}"
    );
    assert_eq!((fake.created(), lab.images().unwrap().len()), (0, 0));
    let image = lab.import_image(&file, None, None).await.unwrap();
    assert_eq!((image.name.as_str(), fake.created()), ("image", 1));
    let again = lab
        .import_image(&file, Some(&image.sha256.to_uppercase()), None)
        .await
        .unwrap();
    assert_eq!((&again, fake.created()), (&image, 1));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.push(0);
    std::fs::write(&file, bytes).unwrap();
    let error = lab.import_image(&file, None, None).await.unwrap_err();
    assert!(error.help_text().unwrap().contains("--name"), "{error:?}");
    lab.import_image(&file, None, Some("newer")).await.unwrap();
    let names: Vec<String> = lab.images().unwrap().into_iter().map(|i| i.name).collect();
    assert_eq!(names, ["image", "newer"]);
    std::fs::write(&file, "<html>").unwrap();
    lab.import_image(&file, None, Some("html")).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_support_bundle_has_the_logs_and_none_of_the_secrets() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = ready(directory.path(), &fake).await;
    let token = std::fs::read_to_string(lab.paths().keys().join("token")).unwrap();
    fake.write_log(&format!("joining with {} and pa55word\n", token.trim()));
    let file = directory.path().join("support.tar.gz");
    let bundle = lab.support(&file, Some("pa55word".to_owned().into())).await.unwrap();
    for name in [
        "config.json",
        "state.json",
        "doctor.json",
        "status.json",
        "nodes/k3s-worker1/bootstrap.log",
    ] {
        assert!(bundle.files.contains(&name.to_owned()), "{name}: {bundle:?}");
    }
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&file).unwrap()));
    let mut texts = String::new();
    for entry in archive.entries().unwrap() {
        std::io::Read::read_to_string(&mut entry.unwrap(), &mut texts).unwrap();
    }
    assert!(texts.contains("joining with [masked] and [masked]"), "{texts}");
    assert!(!texts.contains(token.trim()) && !texts.contains("pa55word") && !texts.contains("PRIVATE KEY"));
}
