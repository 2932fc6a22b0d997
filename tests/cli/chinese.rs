//! The same commands for people who read Chinese.

use super::desk::{Desk, Said, in_order};
use crate::support::{Scene, broken_release, shared_backout};

/// Sections of the locale files: a key that has no sentence is shown as it is.
const SECTIONS: [&str; 9] =
    ["cli.", "cli-help.", "demo.", "finding.", "hint.", "job_state.", "problem.", "step.", "step_state."];

/// No key stands in place of a sentence, no placeholder was left, and every heading is Chinese.
fn is_chinese(said: &Said) {
    let told = said.to_string();
    for key in SECTIONS {
        let mut found = told.match_indices(key).map(|(at, _)| &told[at + key.len()..]);
        assert!(!found.any(|rest| rest.starts_with(|next: char| next.is_ascii_lowercase())), "{key} is a key\n{told}");
    }
    assert!(!told.contains("%{"), "{told}");
    let lines: Vec<&str> = told.lines().collect();
    for (border, headings) in lines.iter().zip(&lines[1..]).filter(|(border, _)| border.starts_with('┌')) {
        let latin = headings.replace("Git", "");
        assert!(
            !latin.contains(|one: char| one.is_ascii_alphabetic()),
            "a heading is not Chinese: {headings}\n{border}"
        );
    }
}

impl Desk<'_> {
    fn says_in_chinese(&self, arguments: &[&str], code: i32, parts: &[&str]) -> Said {
        let said = self.says(&[arguments, &["--lang", "zh-CN"]].concat(), code, parts);
        is_chinese(&said);
        said
    }
}

#[tokio::test]
async fn whoever_reads_chinese_goes_back_in_chinese() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    let desk = Desk { backout, app: &scene.app };

    desk.says_in_chinese(&["status"], 0, &["应用", "环境", "版本", "镜像", "任务", &scene.app]);
    desk.says_in_chinese(&["releases"], 0, &["版本", "类型", "发布时间", "补丁"]);
    desk.says_in_chinese(&["diff", "v0.8.1", "v0.8.2"], 0, &["层", "之前", "之后", "镜像"]);
    desk.says_in_chinese(&["migrations"], 0, &["迁移", "数据库中", "已执行"]);
    desk.says_in_chinese(&["doctor"], 0, &["正在运行 v0.8.2", "可以回滚到 v0.8.1", "一切正常。"]);
    let title = format!("回滚 {} / production：v0.8.2 → v0.8.1", scene.app);
    let plan = [title.as_str(), "检查结果", "警告", "差异", "步骤", "预计用时", "停止服务", "撤回迁移", "计划摘要："];
    desk.says_in_chinese(&["plan"], 0, &plan);
    desk.says_in_chinese(&["rollback"], 3, &["此操作需要确认，但此处无法询问；未做任何改动。", "下一步：--yes"]);
    let unknown = format!("'{}' 没有版本 v9.9.9", scene.app);
    desk.says_in_chinese(&["rollback", "v9.9.9"], 3, &[&unknown, "下一步：backout releases"]);

    let reason = "新版本返回 500";
    let back = desk.says_in_chinese(&["rollback", "--yes", "--reason", reason], 0, &plan);
    in_order(&back.stdout, &["停止服务 web@local", "撤回迁移 main (mariadb)", "验证", "● 成功"]);
    let (_, end) = back.stdout.split_once("环境 production 已回到 v0.8.1。").unwrap_or_else(|| panic!("{back}"));
    in_order(end, &["恢复用时：", "停机时间：", "另行保存的行与文档："]);
    assert_eq!(back.after("如需撤销本次操作："), format!("backout deploy v0.8.2 --app {}", scene.app));
    assert_eq!(scene.answering().await.unwrap(), "v0.8.1");

    let history = desk.says_in_chinese(&["history"], 0, &["时间", "类型", "原版本", "目标版本", "结果", "原因"]);
    history.row(&["回滚", "v0.8.2", "v0.8.1", "成功", "admin", reason]);
    let job = desk.json(&["history"], 0)["items"][0]["job"].as_str().unwrap().to_owned();
    desk.says_in_chinese(&["jobs"], 0, &["任务", "状态", &job, "回滚", "成功"]);
    desk.says_in_chinese(&["job", "watch", &job], 0, &["环境 production 已回到 v0.8.1。", "如需撤销本次操作："]);
    // The locale chooses the language too, and a flag wins over it.
    let by_locale = desk.run_with(&["status"], &[("LC_ALL", "zh_CN.UTF-8")]);
    assert!(by_locale.stdout.contains("应用"), "{by_locale}");
    let by_flag = desk.run_with(&["status", "--lang", "en"], &[("LC_ALL", "zh_CN.UTF-8")]);
    assert!(by_flag.stdout.contains("Application"), "{by_flag}");
}

#[tokio::test]
async fn why_a_step_failed_and_why_a_field_is_refused_is_told_in_chinese() {
    let backout = shared_backout().await;
    let scene = Scene::on_v082(backout).await.unwrap();
    scene.client.register_release(&scene.app, &broken_release().unwrap()).await.unwrap();
    let desk = Desk { backout, app: &scene.app };
    let broken = ["rollback", "v0.8.1-broken", "--yes", "--reason", "试验"];
    let back = desk.says_in_chinese(&broken, 1, &["● 已撤销", "已结束，退出码"]);
    assert!(!back.stdout.contains("exit code") && !back.stdout.contains("container "), "{back}");
    assert_eq!(scene.answering().await.unwrap(), "v0.8.2");

    let long = "长".repeat(700);
    desk.says_in_chinese(&["rollback", "--yes", "--reason", &long], 3, &["reason 超过", "字节"]);
}
