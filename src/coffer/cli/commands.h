// One function per command: its declaration. all_commands() lists them.
#pragma once

#include "coffer/cli/command.h"

namespace coffer::cli {

Command keygen_command();
Command init_command();
Command import_config_command();
Command exec_command();
Command mount_command();
Command umount_command();
Command names_command();
Command status_command();
Command slot_add_command();
Command slot_list_command();
Command slot_remove_command();
Command rotate_root_command();
Command rotate_domain_command();
Command rewrap_command();
Command reencrypt_command();
Command encrypt_command();
Command decrypt_command();
Command runs_command();
Command verify_command();
Command cat_command();
Command inspect_command();
Command keyring_show_command();
Command keyring_move_command();
Command doctor_command();
Command domain_add_command();
Command domain_list_command();
Command domain_move_command();
Command group_add_command();
Command group_list_command();
Command group_rotate_command();
Command group_remove_command();
Command tenant_lock_command();
Command tenant_unlock_command();
Command key_list_command();
Command key_show_command();
Command key_activate_command();
Command key_suspend_command();
Command key_expire_command();
Command key_revoke_command();
Command key_compromise_command();
Command key_destroy_command();
Command shred_command();
Command certificate_command();
Command store_clone_command();
Command store_list_command();
Command store_move_command();
Command store_adopt_command();
Command store_forget_command();
Command config_seal_command();
Command config_open_command();
Command metrics_command();
Command plan_command();
Command agent_command();
Command policy_check_command();
Command provider_list_command();
Command provider_check_command();
Command kmip_list_command();
Command kmip_create_command();
Command kmip_expire_command();
Command kmip_revoke_command();
Command kmip_destroy_command();
Command kmip_ping_command();
Command audit_show_command();
Command audit_verify_command();
Command scan_command();
Command seal_value_command();
Command manual_command();
Command completion_command();

}  // namespace coffer::cli
