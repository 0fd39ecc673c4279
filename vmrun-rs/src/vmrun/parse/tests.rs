use super::*;

#[test]
fn the_version_is_read_from_the_help_text() {
    let help = b"\nvmrun version 1.17.0 build-14665864\n\nUsage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]\n";
    let version = version(help).unwrap();
    assert_eq!(version.to_string(), "1.17.0 build-14665864");
    let older = super::version(b"Invalid argument: --help\r\nvmrun version 1.13.1 (build-1234)\r\n").unwrap();
    assert_eq!(older.version, "1.13.1");
    assert!(super::version(b"bash: vmrun: not found").is_err());
}

#[test]
#[cfg(unix)]
fn running_machines_are_listed_whatever_noise_and_bytes_there_are() {
    let output = "2025-01-28T22:07:59.876| ServiceImpl_Opener: PID 47808\nTotal running VMs: 2\r\n\
        /vms/한글 이름/a b.vmx\r\nWarning: program compiled against libxml 210 using older 209\n/vms/b.vmx\n";
    let paths = running(output.as_bytes()).unwrap();
    assert_eq!(
        paths,
        [PathBuf::from("/vms/한글 이름/a b.vmx"), PathBuf::from("/vms/b.vmx")]
    );
    assert_eq!(running(b"Total running VMs: 0").unwrap(), Vec::<PathBuf>::new());
    assert_eq!(running(b"Total running VMs: 1\n/vms/\xb0\xa1.vmx\n").unwrap().len(), 1);
    assert!(running(b"").is_err());
    assert!(running(&vec![b'x'; 1 << 20]).is_err());
}

#[test]
fn snapshots_keep_spaces_and_tree_depth() {
    assert_eq!(
        snapshots(b"Total snapshots: 2\nbase\n two words \n").unwrap(),
        ["base", " two words "]
    );
    let tree = snapshot_tree(b"Total snapshots: 3\r\nbase\r\n\tchild\r\n\t\tgrand child\r\n").unwrap();
    let shape: Vec<_> = tree.iter().map(|n| (n.name.as_str(), n.depth)).collect();
    assert_eq!(shape, [("base", 0), ("child", 1), ("grand child", 2)]);
}

#[test]
fn unknown_is_no_address() {
    assert_eq!(guest_address(b"unknown\r\n").unwrap(), None);
    assert_eq!(guest_address(b"\n").unwrap(), None);
    assert_eq!(
        guest_address(b"noise\n192.168.6.10\n").unwrap(),
        Some([192, 168, 6, 10].into())
    );
    assert!(guest_address(b"192.168.6").is_err());
}

#[test]
fn networks_and_forwardings_are_tables() {
    let networks = host_networks(
        b"Total host networks: 3\nINDEX  NAME         TYPE         DHCP         SUBNET           MASK\n\
          0      vmnet0       bridged      false        empty            empty\n\
          1      vmnet1       hostOnly     true         172.16.11.0      255.255.255.0\n\
          8      vmnet8       nat          true         192.168.40.0     255.255.255.0\n",
    )
    .unwrap();
    assert_eq!(networks.len(), 3);
    assert_eq!(networks[0].subnet, None);
    assert!(networks[1].contains([172, 16, 11, 77].into()));
    assert!(!networks[1].contains([172, 16, 12, 77].into()));

    let forwardings = port_forwardings(
        b"Total port forwardings: 1\nINDEX  PROTOCOL     HOST PORT    GUEST IP          GUEST PORT   DESCRIPTION\n\
          0      tcp          2210         192.168.6.10      22           lab ssh\n",
    )
    .unwrap();
    assert_eq!(forwardings[0].guest_port, 22);
    assert_eq!(forwardings[0].description, "lab ssh");
    assert_eq!(port_forwardings(b"Total port forwardings: 0\n").unwrap(), []);
}

#[test]
fn a_process_command_keeps_its_commas() {
    let found =
        processes(b"Process list: 2\npid=1, owner=root, cmd=/sbin/init\npid=99, owner=u, cmd=a, owner=b, cmd=c\n");
    assert_eq!(found.unwrap()[1].command, "a, owner=b, cmd=c");
}

#[test]
fn an_empty_line_is_no_value() {
    assert_eq!(value(b"\r\n"), None);
    assert_eq!(value(b""), None);
    assert_eq!(value(b" a \n").unwrap(), b" a ");
}

proptest::proptest! {
    #[test]
    fn no_output_makes_a_parser_panic(output: Vec<u8>) {
        let headed = |heading: &str| [heading.as_bytes(), b": 3\n", &output].concat();
        let _ = (version(&output), running(&headed("Total running VMs")), tools_state(&output), guest_address(&output));
        let _ = (snapshots(&headed("Total snapshots")), snapshot_tree(&headed("Total snapshots")));
        let _ = (host_networks(&headed("Total host networks")), port_forwardings(&headed("Total port forwardings")));
        let _ = (processes(&headed("Process list")), directory(&headed("Directory list")), value(&output));
    }
}
