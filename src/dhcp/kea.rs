//! For kea-dhcp4.conf and kea-dhcp6.conf.

use super::comment::comment;
use super::plan::{BootTarget, Plan};
use crate::json::Value;

/// Enterprise 343 (Intel) and `HTTPClient`, as firmware expects it in option 16 (RFC 8415 §21.16).
const HTTP_CLIENT_6: &str = "00000157000A48545450436C69656E74";

const NEEDS: &str = "\
Client classes for Kea: copy \"client-classes\" into \"Dhcp4\" of kea-dhcp4.conf. That file also
needs \"interfaces-config\" with the interface, and \"subnet4\" with the addresses to give out.";

const NEEDS_6: &str = "\
Client classes for Kea: copy \"client-classes\" into \"Dhcp6\" of kea-dhcp6.conf. That file also
needs \"interfaces-config\" with the interface, and \"subnet6\" with the addresses to give out.";

type Fields = Vec<(&'static str, Value)>;

/// The client classes for kea-dhcp4.conf, or for kea-dhcp6.conf if the server's address is IPv6.
pub fn kea(plan: &Plan) -> String {
    let (section, needs) = match plan.server.is_ipv6() {
        true => ("Dhcp6", NEEDS_6),
        false => ("Dhcp4", NEEDS),
    };
    let classes = [ipxe(plan)].into_iter();
    let classes = classes.chain(plan.targets.iter().map(|target| class(target, plan)));
    let classes = Value::Array(classes.map(Value::Object).collect());
    let section = (section, Value::Object(vec![("client-classes", classes)]));
    let config = Value::Object(vec![section]);
    comment("//", needs, plan) + &format!("{config:#}\n")
}

fn ipxe(plan: &Plan) -> Fields {
    let test = match plan.server.is_ipv6() {
        // Each class of option 15 has its length before it.
        true => "substring(option[15].hex, 2, 4) == 'iPXE'",
        false => "substring(option[77].hex, 0, 4) == 'iPXE'",
    };
    let mut class = vec![("name", "ipxe".into()), ("test", test.into())];
    class.extend(
        plan.script
            .iter()
            .flat_map(|script| file(script, false, plan)),
    );
    class
}

fn class(target: &BootTarget, plan: &Plan) -> Fields {
    let option = if plan.server.is_ipv6() { 61 } else { 93 };
    let codes = target.codes.iter();
    let codes = codes.map(|code| format!("option[{option}].hex == 0x{code:04x}"));
    let codes = codes.collect::<Vec<_>>().join(" or ");
    let test = format!("not member('ipxe') and ({codes})");
    let mut class = vec![("name", target.tag.as_str().into()), ("test", test.into())];
    class.extend(file(&target.file, target.is_http, plan));
    class
}

/// What names the file, and the server.
fn file(name: &str, is_http: bool, plan: &Plan) -> Fields {
    if plan.server.is_ipv6() {
        let mut options = vec![option("bootfile-url", name, &[])];
        if is_http {
            let always = [
                ("csv-format", Value::Bool(false)),
                ("always-send", Value::Bool(true)),
            ];
            options.push(option("vendor-class", HTTP_CLIENT_6, &always));
        }
        return vec![("option-data", Value::Array(options))];
    }
    let mut fields = vec![("boot-file-name", name.into())];
    if is_http {
        let always = [("always-send", Value::Bool(true))];
        let class = option("vendor-class-identifier", "HTTPClient", &always);
        fields.push(("option-data", Value::Array(vec![class])));
    } else {
        fields.push(("next-server", plan.server.to_string().as_str().into()));
    }
    fields
}

fn option(name: &str, data: &str, more: &[(&'static str, Value)]) -> Value {
    let mut fields = vec![("name", name.into()), ("data", data.into())];
    fields.extend_from_slice(more);
    Value::Object(fields)
}
