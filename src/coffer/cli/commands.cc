#include "coffer/cli/commands.h"

namespace coffer::cli {

std::string operands_text(const Command& command) {
  std::string out;
  for (const Operand& operand : command.operands) {
    const std::string name(operand.name);
    out += operand.any_number ? " [" + name + "…]" : " " + name;
  }
  return out;
}

std::vector<Flag> flags_of(const Command& command) {
  std::vector<Flag> out = command.flags;
  if (command.operands.empty() || command.operands.front().name != "COFFER") return out;
  out.push_back({"--config", "FILE", "the coffer's configuration file, which stands for COFFER"});
  out.push_back({"--keyring", "DIR", "where the keyring is, if not where the configuration says"});
  return out;
}

std::span<const Command> all_commands() {
  static const std::vector<Command> commands = {
      keygen_command(),       init_command(),          import_config_command(),  exec_command(),
      mount_command(),        umount_command(),        names_command(),
      status_command(),       slot_add_command(),      slot_list_command(),      slot_remove_command(),
      rotate_root_command(),  rotate_domain_command(), rewrap_command(),         reencrypt_command(),
      encrypt_command(),      decrypt_command(),       runs_command(),           verify_command(),
      cat_command(),          inspect_command(),       keyring_show_command(),   domain_add_command(),
      keyring_move_command(),  audit_archive_command(),
      domain_list_command(),  domain_move_command(),   group_add_command(),      group_list_command(),
      group_rotate_command(), group_remove_command(),  node_new_command(),       node_show_command(),
      node_request_command(), node_enrol_command(),    node_answer_command(),    node_list_command(),
      node_remove_command(),
      node_rotate_command(),  rollout_list_command(),  rollout_advance_command(), rollout_halt_command(),
      rollout_resume_command(), rollout_undo_command(),
      tenant_lock_command(),    tenant_unlock_command(),
      key_list_command(),     key_show_command(),      key_activate_command(),   key_suspend_command(),
      key_expire_command(),   key_revoke_command(),    key_compromise_command(), key_destroy_command(),
      shred_command(),        certificate_command(),   store_list_command(),     store_move_command(),
      store_adopt_command(),  store_forget_command(),  store_own_command(),      store_clone_command(),
      config_seal_command(),
      send_command(),         receive_command(),
      backup_create_command(), backup_list_command(),  backup_verify_command(), backup_restore_command(),
      backup_forget_command(), backup_add_recipient_command(), backup_remove_recipient_command(),
      config_open_command(),  metrics_command(),       plan_command(),           agent_command(),
      policy_check_command(), provider_list_command(), provider_check_command(), doctor_command(),
#ifdef COFFER_WITH_KMIP  // they are made of the provider's client
      kmip_list_command(),    kmip_create_command(),   kmip_expire_command(),    kmip_revoke_command(),
      kmip_destroy_command(), kmip_ping_command(),
#endif
      audit_show_command(),   audit_verify_command(),  scan_command(),           seal_value_command(),
      manual_command(),       completion_command(),
  };
  return commands;
}

}  // namespace coffer::cli
