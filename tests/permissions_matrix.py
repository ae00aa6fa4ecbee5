"""Who gets which answer from every address: one line for each route and method.

A new address fails the build until it has a line here. The columns are the nine identities of
tests/access/world.py; a page looks at no token, so the last three are those of somebody anonymous.
302 for somebody anonymous is the way to the login. What a line needs beyond ids (a body, something
that must have happened before, other ids) is in SETUPS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now

from annotation.judgement_filter import JudgementFilter
from annotation.prompt_filter import PromptFilter
from tests.access.world import IDENTITIES, World

#  route, method, then: anonymous annotator viewer manager stranger admin read write expired
TABLE = """
home                                 GET    302 302 302 302 302 200 302 302 302
workspaces                           GET    302 200 200 200 200 200 302 302 302
workspace_new                        GET    302 403 403 403 403 200 302 302 302
workspace_new                        POST   302 403 403 403 403 302 302 302 302
invitation                           GET    200 200 200 200 200 200 200 200 200
invitation                           POST   302 200 200 200 200 200 302 302 302
workspace_home                       GET    302 200 200 200 404 200 302 302 302
workspace_settings                   GET    302 403 403 200 404 200 302 302 302
workspace_settings                   POST   302 403 403 302 404 302 302 302 302
workspace_archive                    GET    302 403 403 200 404 200 302 302 302
workspace_archive                    POST   302 403 403 302 404 302 302 302 302
workspace_restore                    POST   302 403 403 302 404 302 302 302 302
workspace_delete                     GET    302 403 403 200 404 200 302 302 302
workspace_delete                     POST   302 403 403 302 404 302 302 302 302
workspace_members                    GET    302 403 200 200 404 200 302 302 302
workspace_role                       POST   302 403 403 302 404 302 302 302 302
workspace_remove                     GET    302 403 403 200 404 200 302 302 302
workspace_remove                     POST   302 403 403 302 404 302 302 302 302
workspace_invitations                GET    302 403 403 200 404 200 302 302 302
workspace_invitations                POST   302 403 403 200 404 200 302 302 302
workspace_invitation_resend          POST   302 403 403 200 404 200 302 302 302
workspace_invitation_revoke          GET    302 403 403 200 404 200 302 302 302
workspace_invitation_revoke          POST   302 403 403 302 404 302 302 302 302
webhooks                             GET    302 403 403 200 404 200 302 302 302
webhooks                             POST   302 403 403 200 404 200 302 302 302
webhook_rotate                       POST   302 403 403 200 404 200 302 302 302
webhook_remove                       GET    302 403 403 200 404 200 302 302 302
webhook_remove                       POST   302 403 403 302 404 302 302 302 302
webhook_test                         POST   302 403 403 302 404 302 302 302 302
webhook_resend                       POST   302 403 403 302 404 302 302 302 302
workspace_audit                      GET    302 403 403 200 404 200 302 302 302
account_profile                      GET    302 200 200 200 200 200 302 302 302
account_profile                      POST   302 302 302 302 302 302 302 302 302
usersessions_list                    GET    302 200 200 200 200 200 302 302 302
usersessions_list                    POST   302 302 302 302 302 302 302 302 302
account_tokens                       GET    302 200 200 200 200 200 302 302 302
account_tokens                       POST   302 200 200 200 200 200 302 302 302
account_token_revoke                 GET    302 404 404 200 404 404 302 302 302
account_token_revoke                 POST   302 404 404 302 404 404 302 302 302
account_login                        GET    200 302 302 302 302 302 200 200 200
account_login                        POST   302 302 302 302 302 302 302 302 302
account_login                        PUT    200 302 302 302 302 302 200 200 200
account_logout                       GET    302 200 200 200 200 200 302 302 302
account_logout                       POST   302 302 302 302 302 302 302 302 302
account_inactive                     GET    200 200 200 200 200 200 200 200 200
account_signup                       GET    200 302 302 302 302 302 200 200 200
account_signup                       POST   200 302 302 302 302 302 200 200 200
account_signup                       PUT    200 302 302 302 302 302 200 200 200
account_reauthenticate               GET    302 200 200 200 200 200 302 302 302
account_reauthenticate               POST   302 302 302 302 302 302 302 302 302
account_reauthenticate               PUT    302 200 200 200 200 200 302 302 302
account_email                        GET    302 200 200 200 200 200 302 302 302
account_email                        POST   302 302 302 302 302 302 302 302 302
account_email                        PUT    302 302 302 302 302 302 302 302 302
account_email_verification_sent      GET    200 200 200 200 200 200 200 200 200
account_email_verification_sent      POST   405 405 405 405 405 405 405 405 405
account_change_password              GET    302 200 200 200 200 200 302 302 302
account_change_password              POST   302 302 302 302 302 302 302 302 302
account_change_password              PUT    302 200 200 200 200 200 302 302 302
account_set_password                 GET    302 302 302 302 302 302 302 302 302
account_set_password                 POST   302 302 302 302 302 302 302 302 302
account_set_password                 PUT    302 302 302 302 302 302 302 302 302
account_reset_password               GET    200 200 200 200 200 200 200 200 200
account_reset_password               POST   302 302 302 302 302 302 302 302 302
account_reset_password               PUT    200 200 200 200 200 200 200 200 200
account_confirm_login_code           GET    302 302 302 302 302 302 302 302 302
account_confirm_login_code           POST   302 302 302 302 302 302 302 302 302
account_confirm_login_code           PUT    302 302 302 302 302 302 302 302 302
account_confirm_email                GET    200 200 200 200 200 200 200 200 200
account_confirm_email                POST   302 302 302 302 302 302 302 302 302
account_reset_password_from_key_done GET    200 200 200 200 200 200 200 200 200
account_reset_password_from_key      GET    200 200 200 200 200 200 200 200 200
account_reset_password_from_key      POST   200 200 200 200 200 200 200 200 200
account_reset_password_from_key      PUT    200 200 200 200 200 200 200 200 200
account_reset_password_done          GET    200 200 200 200 200 200 200 200 200
mfa_index                            GET    302 200 200 200 200 200 302 302 302
mfa_authenticate                     GET    302 302 302 302 302 302 302 302 302
mfa_authenticate                     POST   302 302 302 302 302 302 302 302 302
mfa_reauthenticate                   GET    302 200 200 200 200 200 302 302 302
mfa_reauthenticate                   POST   302 302 302 302 302 302 302 302 302
mfa_reauthenticate                   PUT    302 302 302 302 302 302 302 302 302
mfa_activate_totp                    GET    302 200 200 200 200 200 302 302 302
mfa_activate_totp                    POST   302 200 200 200 200 200 302 302 302
mfa_activate_totp                    PUT    302 200 200 200 200 200 302 302 302
mfa_deactivate_totp                  GET    302 200 200 200 200 200 302 302 302
mfa_deactivate_totp                  POST   302 302 302 302 302 302 302 302 302
mfa_deactivate_totp                  PUT    302 404 404 404 404 404 302 302 302
mfa_view_recovery_codes              GET    302 200 200 200 200 200 302 302 302
mfa_generate_recovery_codes          GET    302 200 200 200 200 200 302 302 302
mfa_generate_recovery_codes          POST   302 302 302 302 302 302 302 302 302
mfa_generate_recovery_codes          PUT    302 200 200 200 200 200 302 302 302
mfa_download_recovery_codes          GET    302 200 200 200 200 200 302 302 302
socialaccount_login_cancelled        GET    200 200 200 200 200 200 200 200 200
socialaccount_login_error            GET    401 401 401 401 401 401 401 401 401
socialaccount_signup                 GET    302 302 302 302 302 302 302 302 302
socialaccount_signup                 POST   302 302 302 302 302 302 302 302 302
socialaccount_signup                 PUT    302 302 302 302 302 302 302 302 302
socialaccount_connections            GET    302 200 200 200 200 200 302 302 302
socialaccount_connections            POST   302 200 200 200 200 200 302 302 302
socialaccount_connections            PUT    302 200 200 200 200 200 302 302 302
openid_connect_login                 GET    404 404 404 404 404 404 404 404 404
openid_connect_login                 POST   404 404 404 404 404 404 404 404 404
openid_connect_callback              GET    404 404 404 404 404 404 404 404 404
openid_connect_callback              POST   404 404 404 404 404 404 404 404 404
site                                 GET    302 403 403 403 403 200 302 302 302
site_people                          GET    302 403 403 403 403 200 302 302 302
site_person_new                      GET    302 403 403 403 403 200 302 302 302
site_person_new                      POST   302 403 403 403 403 200 302 302 302
site_person                          GET    302 403 403 403 403 200 302 302 302
site_person_reset_link               POST   302 403 403 403 403 200 302 302 302
site_person_act                      GET    302 403 403 403 403 200 302 302 302
site_person_act                      POST   302 403 403 403 403 302 302 302 302
site_workspaces                      GET    302 403 403 403 403 200 302 302 302
site_audit                           GET    302 403 403 403 403 200 302 302 302
annotation:imports                   GET    302 403 200 200 404 200 302 302 302
annotation:import_new                GET    302 403 403 200 404 200 302 302 302
annotation:import_new                POST   302 403 403 302 404 302 302 302 302
annotation:import                    GET    302 403 200 200 404 200 302 302 302
annotation:tasks                     GET    302 403 403 200 404 200 302 302 302
annotation:task_new                  POST   302 403 403 302 404 302 302 302 302
annotation:task_open                 POST   302 403 403 302 404 302 302 302 302
annotation:task                      GET    302 403 403 200 404 200 302 302 302
annotation:task                      POST   302 403 403 302 404 302 302 302 302
annotation:task_preview              POST   302 403 403 200 404 200 302 302 302
annotation:task_file                 GET    302 403 403 200 404 200 302 302 302
annotation:task_delete               GET    302 403 403 200 404 200 302 302 302
annotation:task_delete               POST   302 403 403 302 404 302 302 302 302
annotation:conversion_new            GET    302 403 403 200 404 200 302 302 302
annotation:conversion_new            POST   302 403 403 302 404 302 302 302 302
annotation:conversion_tutorial       POST   302 403 403 302 404 302 302 302 302
annotation:conversion                GET    302 403 403 200 404 200 302 302 302
annotation:conversion                POST   302 403 403 302 404 302 302 302 302
annotation:conversion_preview        POST   302 403 403 200 404 200 302 302 302
annotation:conversion_templates      GET    302 403 403 200 404 200 302 302 302
annotation:import_start              POST   302 403 403 302 404 302 302 302 302
annotation:import_cancel             POST   302 403 403 302 404 302 302 302 302
annotation:import_rejects            GET    302 403 403 200 404 200 302 302 302
annotation:import_original           GET    302 403 403 200 404 200 302 302 302
annotation:import_undo               GET    302 403 403 200 404 200 302 302 302
annotation:import_undo               POST   302 403 403 302 404 302 302 302 302
annotation:import_discard            GET    302 403 403 200 404 200 302 302 302
annotation:import_discard            POST   302 403 403 302 404 302 302 302 302
api_tasks                            GET    401 403 403 200 404 200 200 200 401
api_tasks                            POST   401 403 403 201 404 201 403 201 401
api_task                             GET    401 403 403 200 404 200 200 200 401
api_task                             PATCH  401 403 403 200 404 200 403 200 401
api_task                             DELETE 401 403 403 204 404 204 403 204 401
api_task_render                      POST   401 403 403 200 404 200 403 200 401
api_task_prompts                     POST   401 403 403 201 404 201 403 201 401
api_imports                          GET    401 403 200 200 404 200 200 200 401
api_imports                          POST   401 403 403 201 404 201 403 201 401
api_import                           GET    401 403 200 200 404 200 200 200 401
api_import                           DELETE 401 403 403 204 404 204 403 204 401
api_import_check                     POST   401 403 403 200 404 200 403 200 401
api_import_start                     POST   401 403 403 200 404 200 403 200 401
api_import_undo                      POST   401 403 403 200 404 200 403 200 401
api_import_rejects                   GET    401 403 403 200 404 200 200 200 401
annotation:campaigns                 GET    302 200 200 200 404 200 302 302 302
annotation:campaign_new              GET    302 403 403 200 404 200 302 302 302
annotation:campaign_new              POST   302 403 403 302 404 302 302 302 302
annotation:campaign                  GET    302 403 200 200 404 200 302 302 302
annotation:campaign_state            POST   302 403 403 302 404 302 302 302 302
annotation:campaign_settings         GET    302 403 403 200 404 200 302 302 302
annotation:campaign_settings         POST   302 403 403 302 404 302 302 302 302
annotation:campaign_guidelines       GET    302 403 403 200 404 200 302 302 302
annotation:campaign_guidelines       POST   302 403 403 302 404 302 302 302 302
crowd                                GET    200 200 200 200 200 200 200 200 200
crowd                                POST   422 422 422 422 422 422 422 422 422
annotation:crowd_page                GET    302 403 403 200 404 200 302 302 302
annotation:crowd_page                POST   302 403 403 302 404 302 302 302 302
annotation:crowd_off                 POST   302 403 403 302 404 302 302 302 302
annotation:crowd_file                GET    302 403 200 200 404 200 302 302 302
annotation:campaign_preview          GET    302 403 200 200 404 200 302 302 302
annotation:checks                    GET    302 403 200 200 404 200 302 302 302
annotation:check                     GET    302 403 403 200 404 200 302 302 302
annotation:check                     POST   302 403 403 302 404 302 302 302 302
annotation:suggestions               GET    302 403 200 200 404 200 302 302 302
annotation:suggestions               POST   302 403 403 302 404 302 302 302 302
annotation:suggestion_items          GET    302 403 200 200 404 200 302 302 302
annotation:suggestion_remove         POST   302 403 403 302 404 302 302 302 302
annotation:check_promote             POST   302 403 403 302 404 302 302 302 302
annotation:check_remove              POST   302 403 403 302 404 302 302 302 302
annotation:thresholds                GET    302 403 403 200 404 200 302 302 302
annotation:thresholds                POST   302 403 403 302 404 302 302 302 302
annotation:standing                  GET    302 403 403 200 404 200 302 302 302
annotation:standing                  POST   302 403 403 302 404 302 302 302 302
annotation:reviews                   GET    302 403 403 200 404 200 302 302 302
annotation:review_grid               GET    302 403 403 200 404 200 302 302 302
annotation:review_grid               POST   302 403 403 302 404 302 302 302 302
annotation:review_item               GET    302 403 403 200 404 200 302 302 302
annotation:review_item               POST   302 403 403 302 404 302 302 302 302
annotation:own_statistics            GET    302 200 403 200 404 200 302 302 302
annotation:conversations             GET    302 403 200 200 404 200 302 302 302
annotation:conversation              GET    302 403 200 200 404 200 302 302 302
annotation:conversation_stop         POST   302 403 403 302 404 302 302 302 302
annotation:work_feedback             GET    302 200 403 404 404 404 302 302 302
annotation:prompts                   GET    302 403 200 200 404 200 302 302 302
annotation:prompt_count              GET    302 403 200 200 404 200 302 302 302
annotation:prompt_new                GET    302 403 403 200 404 200 302 302 302
annotation:prompt_new                POST   302 403 403 302 404 302 302 302 302
annotation:prompt_edit               POST   302 403 403 302 404 302 302 302 302
annotation:prompt_changes            GET    302 403 200 200 404 200 302 302 302
annotation:prompt_undo               POST   302 403 403 302 404 302 302 302 302
annotation:view_save                 POST   302 403 302 302 404 302 302 302 302
annotation:view_delete               POST   302 403 404 302 404 404 302 302 302
annotation:prompt                    GET    302 403 200 200 404 200 302 302 302
annotation:duplicates                GET    302 403 200 200 404 200 302 302 302
annotation:duplicates_search         POST   302 403 403 302 404 302 302 302 302
annotation:duplicates_settle         POST   302 403 403 302 404 302 302 302 302
annotation:duplicates_unsettle       POST   302 403 403 302 404 302 302 302 302
annotation:cluster                   GET    302 403 200 200 404 200 302 302 302
annotation:cluster_settle            POST   302 403 403 302 404 302 302 302 302
annotation:cluster_undo              POST   302 403 403 302 404 302 302 302 302
annotation:leakage                   GET    302 403 200 200 404 200 302 302 302
annotation:leakage_check             POST   302 403 403 302 404 302 302 302 302
annotation:leakage_protect           POST   302 403 403 302 404 302 302 302 302
annotation:use_cases                 GET    302 403 200 200 404 200 302 302 302
annotation:use_case_save             POST   302 403 403 302 404 302 302 302 302
annotation:use_case_guess            POST   302 403 403 302 404 302 302 302 302
annotation:use_case_delete           POST   302 403 403 302 404 302 302 302 302
annotation:attributes                GET    302 403 403 200 404 200 302 302 302
annotation:attributes                POST   302 403 403 302 404 302 302 302 302
annotation:attribute_retire          POST   302 403 403 302 404 302 302 302 302
annotation:person_withdraw           GET    302 403 403 200 404 200 302 302 302
annotation:person_withdraw           POST   302 403 403 302 404 302 302 302 302
annotation:item_withdraw             GET    302 403 403 200 404 200 302 302 302
annotation:item_withdraw             POST   302 403 403 302 404 302 302 302 302
annotation:own_work                  GET    302 200 403 200 404 200 302 302 302
annotation:work                      GET    302 200 403 200 404 200 302 302 302
annotation:work_next                 POST   302 302 403 302 404 302 302 302 302
annotation:work_undo                 POST   302 302 403 302 404 302 302 302 302
annotation:work_submit               POST   302 422 403 302 404 302 302 302 302
annotation:work_skip                 POST   302 302 403 302 404 302 302 302 302
annotation:work_draft                POST   302 200 403 200 404 200 302 302 302
annotation:work_nearness             POST   302 200 403 200 404 200 302 302 302
training:models                      GET    302 403 200 200 404 200 302 302 302
training:model_import                GET    302 403 403 200 404 200 302 302 302
training:model_import                POST   302 403 403 302 404 302 302 302 302
training:model                       GET    302 403 200 200 404 200 302 302 302
training:model_ask                   POST   302 403 403 302 404 302 302 302 302
training:model_change                POST   302 403 403 302 404 302 302 302 302
training:model_delete                GET    302 403 403 200 404 200 302 302 302
training:model_delete                POST   302 403 403 302 404 302 302 302 302
training:model_merge                 POST   302 403 403 302 404 302 302 302 302
training:model_push                  GET    302 403 403 200 404 200 302 302 302
training:model_push                  POST   302 403 403 302 404 302 302 302 302
training:model_archive               GET    302 403 200 200 404 200 302 302 302
training:model_file                  GET    302 403 200 200 404 200 302 302 302
training:factory                     GET    302 403 200 200 404 200 302 302 302
training:self_instruct_new           GET    302 403 403 200 404 200 302 302 302
training:self_instruct_new           POST   302 403 403 302 404 302 302 302 302
training:safe_responses_new          GET    302 403 403 200 404 200 302 302 302
training:safe_responses_new          POST   302 403 403 302 404 302 302 302 302
training:factory_run                 GET    302 403 200 200 404 200 302 302 302
training:factory_act                 POST   302 403 403 302 404 302 302 302 302
training:factory_settings            POST   302 403 403 302 404 302 302 302 302
training:factory_review              GET    302 403 403 200 404 200 302 302 302
training:factory_review              POST   302 403 403 302 404 302 302 302 302
training:factory_report              GET    302 403 200 200 404 200 302 302 302
training:factory_candidates          GET    302 403 200 200 404 200 302 302 302
training:rounds                      GET    302 403 200 200 404 200 302 302 302
training:loop                        GET    302 403 200 200 404 200 302 302 302
training:round_new                   GET    302 403 403 200 404 200 302 302 302
training:round_new                   POST   302 403 403 302 404 302 302 302 302
training:round                       GET    302 403 200 200 404 200 302 302 302
training:round_step                  POST   302 403 403 302 404 302 302 302 302
training:round_pause                 POST   302 403 403 302 404 302 302 302 302
training:round_resume                POST   302 403 403 302 404 302 302 302 302
training:round_change                POST   302 403 403 302 404 302 302 302 302
training:studies                     GET    302 403 200 200 404 200 302 302 302
training:study_new                   GET    302 403 403 200 404 200 302 302 302
training:study_new                   POST   302 403 403 302 404 302 302 302 302
training:study                       GET    302 403 200 200 404 200 302 302 302
training:study_compare               POST   302 403 403 302 404 302 302 302 302
training:prompt_maps                 GET    302 403 200 200 404 200 302 302 302
training:prompt_map_new              GET    302 403 403 200 404 200 302 302 302
training:prompt_map_new              POST   302 403 403 302 404 302 302 302 302
training:prompt_map                  GET    302 403 200 200 404 200 302 302 302
training:prompt_map_points           GET    302 403 200 200 404 200 302 302 302
training:prompt_map_texts            GET    302 403 200 200 404 200 302 302 302
training:prompt_map_selection        POST   302 403 200 200 404 200 302 302 302
training:prompt_map_tag              POST   302 403 403 302 404 302 302 302 302
training:prompt_map_delete           GET    302 403 403 200 404 200 302 302 302
training:prompt_map_delete           POST   302 403 403 302 404 302 302 302 302
training:runs                        GET    302 403 200 200 404 200 302 302 302
training:run_new                     GET    302 403 403 200 404 200 302 302 302
training:run_new                     POST   302 403 403 302 404 302 302 302 302
training:recipe_new                  GET    302 403 403 200 404 200 302 302 302
training:recipe_new                  POST   302 403 403 200 404 200 302 302 302
training:config_delete               POST   302 403 403 302 404 302 302 302 302
training:run_compare                 GET    302 403 200 200 404 200 302 302 302
training:run                         GET    302 403 200 200 404 200 302 302 302
training:run_curve                   GET    302 403 200 200 404 200 302 302 302
training:run_rollouts                GET    302 403 200 200 404 200 302 302 302
training:over_optimisation           GET    302 403 200 200 404 200 302 302 302
training:hold_out                    POST   302 403 403 302 404 302 302 302 302
training:suspicious_send             POST   302 403 403 302 404 302 302 302 302
training:run_stop                    POST   302 403 403 302 404 302 302 302 302
training:run_resume                  POST   302 403 403 302 404 302 302 302 302
training:run_file                    GET    302 403 200 200 404 200 302 302 302
training:endpoints                   GET    302 403 200 200 404 200 302 302 302
training:endpoint_new                GET    302 403 403 200 404 200 302 302 302
training:endpoint_new                POST   302 403 403 302 404 302 302 302 302
training:endpoint                    GET    302 403 403 200 404 200 302 302 302
training:endpoint                    POST   302 403 403 302 404 302 302 302 302
training:endpoint_try                POST   302 403 403 302 404 302 302 302 302
training:endpoint_retire             GET    302 403 403 200 404 200 302 302 302
training:endpoint_retire             POST   302 403 403 302 404 302 302 302 302
training:endpoint_restore            POST   302 403 403 302 404 302 302 302 302
training:arena                       GET    302 200 403 200 404 200 302 302 302
training:battle_new                  POST   302 302 403 302 404 302 302 302 302
training:battle                      GET    302 200 403 404 404 404 302 302 302
training:battle_act                  POST   302 302 403 404 404 404 302 302 302
training:battle_vote                 POST   302 302 403 404 404 404 302 302 302
training:samplings                   GET    302 403 200 200 404 200 302 302 302
training:sampling_new                GET    302 403 403 200 404 200 302 302 302
training:sampling_new                POST   302 403 403 302 404 302 302 302 302
training:sampling                    GET    302 403 200 200 404 200 302 302 302
training:sampling_act                POST   302 403 403 302 404 302 302 302 302
training:playground                  GET    302 403 403 200 404 200 302 302 302
training:playground                  POST   302 403 403 302 404 302 302 302 302
training:probes_run                  POST   302 403 403 302 404 302 302 302 302
training:probes                      GET    302 403 403 200 404 200 302 302 302
training:trial                       GET    302 403 403 200 404 200 302 302 302
training:trial_column                POST   302 403 403 302 404 302 302 302 302
training:trial_keep                  POST   302 403 403 302 404 302 302 302 302
training:trial_score                 POST   302 403 403 302 404 302 302 302 302
training:sampling_score              POST   302 403 403 302 404 302 302 302 302
training:scoring_tag                 POST   302 403 403 302 404 302 302 302 302
training:scoring_check               POST   302 403 403 302 404 302 302 302 302
training:trial_demonstrate           POST   302 403 403 302 404 302 302 302 302
annotation:boards                    GET    302 403 200 200 404 200 302 302 302
annotation:boards_compare            GET    302 403 200 200 404 200 302 302 302
annotation:board_new                 GET    302 403 403 200 404 200 302 302 302
annotation:board_new                 POST   302 403 403 302 404 302 302 302 302
annotation:board                     GET    302 403 200 200 404 200 302 302 302
annotation:board_section             GET    302 403 200 200 404 200 302 302 302
annotation:board_change              GET    302 403 403 200 404 200 302 302 302
annotation:board_change              POST   302 403 403 302 404 302 302 302 302
annotation:board_delete              GET    302 403 403 200 404 200 302 302 302
annotation:board_delete              POST   302 403 403 302 404 302 302 302 302
annotation:board_campaign            GET    302 403 403 200 404 200 302 302 302
annotation:board_campaign            POST   302 403 403 302 404 302 302 302 302
annotation:board_refresh             POST   302 403 302 302 404 302 302 302 302
annotation:board_stops               POST   302 403 403 302 404 302 302 302 302
annotation:board_share               POST   302 403 403 302 404 302 302 302 302
annotation:board_freeze              POST   302 403 403 302 404 302 302 302 302
annotation:board_snapshot            GET    302 403 200 200 404 200 302 302 302
annotation:board_snapshot_check      POST   302 403 302 302 404 302 302 302 302
annotation:board_votes               GET    302 403 200 200 404 200 302 302 302
annotation:board_vote                GET    302 403 200 200 404 200 302 302 302
annotation:board_download            GET    302 403 200 200 404 200 302 302 302
public_board                         GET    200 200 200 200 200 200 200 200 200
public_board_votes                   GET    200 200 200 200 200 200 200 200 200
public_board_download                GET    200 200 200 200 200 200 200 200 200
api_boards                           GET    401 403 200 200 404 200 200 200 401
api_boards                           POST   401 403 403 201 404 201 403 201 401
api_board                            GET    401 403 200 200 404 200 200 200 401
api_board                            PATCH  401 403 403 200 404 200 403 200 401
api_board                            DELETE 401 403 403 204 404 204 403 204 401
api_board_refresh                    POST   401 403 202 202 404 202 403 202 401
api_board_snapshots                  GET    401 403 200 200 404 200 200 200 401
api_board_snapshots                  POST   401 403 403 202 404 202 403 202 401
api_board_votes                      GET    401 403 200 200 404 200 200 200 401
workspace_audit_export               POST   302 403 403 302 404 302 302 302 302
site_audit_export                    POST   302 403 403 403 403 302 302 302 302
workspace_jobs                       GET    302 403 200 200 404 200 302 302 302
workspace_job                        GET    302 403 200 200 404 200 302 302 302
workspace_job_cancel                 POST   302 403 403 302 404 302 302 302 302
workspace_job_retry                  POST   302 403 403 302 404 302 302 302 302
workspace_job_download               GET    302 403 403 200 404 200 302 302 302
site_jobs                            GET    302 403 403 403 403 200 302 302 302
site_job_start                       POST   302 403 403 403 403 302 302 302 302
site_job                             GET    302 403 403 403 403 200 302 302 302
site_job_cancel                      POST   302 403 403 403 403 302 302 302 302
site_job_retry                       POST   302 403 403 403 403 302 302 302 302
site_job_download                    GET    302 403 403 403 403 200 302 302 302
site_workers                         GET    302 403 403 403 403 200 302 302 302
health_live                          GET    200 200 200 200 200 200 200 200 200
health_ready                         GET    200 200 200 200 200 200 200 200 200
metrics                              GET    200 200 200 200 200 200 200 200 200
annotation:campaign_quality          GET    302 403 200 200 404 200 302 302 302
theme                                POST   302 302 302 302 302 302 302 302 302
design                               GET    404 404 404 404 404 404 404 404 404
design                               POST   404 404 404 404 404 404 404 404 404
api_schema                           GET    302 200 200 200 200 200 200 200 401
api_docs                             GET    302 200 200 200 200 200 302 302 302
api_me                               GET    401 200 200 200 200 200 200 200 401
api_me                               PATCH  401 200 200 200 200 200 403 200 401
api_tokens                           GET    401 200 200 200 200 200 200 200 401
api_audit                            GET    401 403 403 403 403 200 403 403 401
api_workspaces                       GET    401 200 200 200 200 200 200 200 401
api_workspaces                       POST   401 403 403 403 403 201 403 403 401
api_workspace                        GET    401 200 200 200 404 200 200 200 401
api_workspace                        PATCH  401 403 403 200 404 200 403 200 401
api_members                          GET    401 403 200 200 404 200 200 200 401
api_member                           DELETE 401 403 403 204 404 204 403 204 401
api_member                           GET    401 403 200 200 404 200 200 200 401
api_member                           PATCH  401 403 403 200 404 200 403 200 401
api_webhooks                         GET    401 403 403 200 404 200 200 200 401
api_webhooks                         POST   401 403 403 201 404 201 403 201 401
api_webhook                          DELETE 401 403 403 204 404 204 403 204 401
api_webhook_secret                   POST   401 403 403 200 404 200 403 200 401
api_deliveries                       GET    401 403 403 200 404 200 200 200 401
api_delivery_again                   POST   401 403 403 201 404 201 403 201 401
api_invitations                      GET    401 403 403 200 404 200 200 200 401
api_invitations                      POST   401 403 403 201 404 201 403 201 401
api_invitation                       DELETE 401 403 403 204 404 204 403 204 401
api_invitation                       GET    401 403 403 200 404 200 200 200 401
api_invitation                       POST   401 403 403 200 404 200 403 200 401
api_workspace_audit                  GET    401 403 403 200 404 200 200 200 401
api_campaigns                        GET    401 200 200 200 404 200 200 200 401
api_prompts                          GET    401 403 200 200 404 200 200 200 401
api_prompts                          POST   401 403 403 201 404 201 403 201 401
api_prompt                           GET    401 403 200 200 404 200 200 200 401
api_prompts_near                     POST   401 403 200 200 404 200 403 200 401
api_prompts_protected                GET    401 403 200 200 404 200 200 200 401
api_prompts_protected                POST   401 403 403 200 404 200 403 200 401
api_prompt_edits                     GET    401 403 200 200 404 200 200 200 401
api_prompt_edits                     POST   401 403 403 201 404 201 403 201 401
api_prompt_edit                      GET    401 403 200 200 404 200 200 200 401
api_prompt_edit_undo                 POST   401 403 403 200 404 200 403 200 401
api_conversations                    GET    401 403 200 200 404 200 200 200 401
api_reviews                          GET    401 403 403 200 404 200 200 200 401
api_reviews_accept                   POST   401 403 403 200 404 200 403 200 401
api_review                           GET    401 403 403 200 404 200 200 200 401
api_review                           POST   401 403 403 200 404 200 403 200 401
api_person_withdrawal                GET    401 403 403 200 404 200 200 200 401
api_person_withdrawal                POST   401 403 403 200 404 200 403 200 401
api_item_withdrawal                  GET    401 403 403 200 404 200 200 200 401
api_item_withdrawal                  POST   401 403 403 200 404 200 403 200 401
api_campaign_items                   GET    401 403 200 200 404 200 200 200 401
api_suggestions                      GET    401 403 200 200 404 200 200 200 401
api_suggestions                      POST   401 403 403 201 404 201 403 201 401
api_suggestion_report                GET    401 403 200 200 404 200 200 200 401
api_suggestion_set                   DELETE 401 403 403 204 404 204 403 204 401
api_crowd                            GET    401 403 403 200 404 200 200 200 401
api_crowd                            POST   401 403 403 200 404 200 403 200 401
api_crowd                            DELETE 401 403 403 204 404 204 403 204 401
api_crowd_works                      GET    401 403 200 200 404 200 200 200 401
api_claim                            POST   401 200 403 200 404 200 403 200 401
api_skip                             POST   401 200 403 409 404 409 403 409 401
api_submit                           POST   401 201 403 409 404 409 403 409 401
api_site_jobs                        GET    401 403 403 403 403 200 403 403 401
api_jobs                             GET    401 403 200 200 404 200 200 200 401
api_job                              GET    401 403 200 200 404 200 200 200 401
api_job_cancel                       POST   401 403 403 200 404 200 403 200 401
api_job_retry                        POST   401 403 403 200 404 200 403 200 401
training:snapshots                   GET    302 403 200 200 404 200 302 302 302
training:snapshot_new                GET    302 403 403 200 404 200 302 302 302
training:snapshot_new                POST   302 403 403 302 404 302 302 302 302
training:snapshot                    GET    302 403 200 200 404 200 302 302 302
training:snapshot_judgements         GET    302 403 200 200 404 200 302 302 302
training:snapshot_download           GET    302 403 200 200 404 200 302 302 302
training:snapshot_export             POST   302 403 403 302 404 302 302 302 302
training:snapshot_delete             GET    302 403 403 200 404 200 302 302 302
training:snapshot_delete             POST   302 403 403 302 404 302 302 302 302
api_stages                           GET    401 403 200 200 404 200 200 200 401
api_snapshots                        GET    401 403 200 200 404 200 200 200 401
api_snapshots                        POST   401 403 403 201 404 201 403 201 401
api_snapshot                         DELETE 401 403 403 204 404 204 403 204 401
api_snapshot                         GET    401 403 200 200 404 200 200 200 401
api_snapshot_download                GET    401 403 200 200 404 200 200 200 401
api_snapshot_exports                 POST   401 403 403 200 404 200 403 200 401
api_endpoints                        GET    401 403 200 200 404 200 200 200 401
api_endpoints                        POST   401 403 403 201 404 201 403 201 401
api_endpoint                         GET    401 403 200 200 404 200 200 200 401
api_endpoint                         PATCH  401 403 403 200 404 200 403 200 401
api_endpoint_retire                  POST   401 403 403 200 404 200 403 200 401
api_endpoint_restore                 POST   401 403 403 200 404 200 403 200 401
api_trial_column                     POST   401 403 403 200 404 200 403 200 401
api_samplings                        GET    401 403 200 200 404 200 200 200 401
api_samplings                        POST   401 403 403 201 404 201 403 201 401
api_trials                           POST   401 403 403 201 404 201 403 201 401
api_trial                            GET    401 403 403 200 404 200 200 200 401
api_battles                          POST   401 201 403 201 404 201 403 201 401
api_battle                           GET    401 200 403 404 404 404 404 404 401
api_battle                           POST   401 400 403 404 404 404 403 404 401
api_vote                             POST   401 400 403 404 404 404 403 404 401
api_models                           GET    401 403 200 200 404 200 200 200 401
api_models                           POST   401 403 403 201 404 201 403 201 401
api_model                            GET    401 403 200 200 404 200 200 200 401
api_model                            PATCH  401 403 403 200 404 200 403 200 401
api_model                            DELETE 401 403 403 204 404 204 403 204 401
api_scorings                         GET    401 403 200 200 404 200 200 200 401
api_scorings                         POST   401 403 403 201 404 201 403 201 401
api_scoring                          GET    401 403 200 200 404 200 200 200 401
api_scoring_tag                      POST   401 403 403 200 404 200 403 200 401
api_scoring_check                    POST   401 403 403 201 404 201 403 201 401
api_model_merge                      POST   401 403 403 201 404 201 403 201 401
api_pushes                           GET    401 403 200 200 404 200 200 200 401
api_pushes                           POST   401 403 403 201 404 201 403 201 401
api_factory                          GET    401 403 200 200 404 200 200 200 401
api_factory                          POST   401 403 403 201 404 201 403 201 401
api_factory_run                      GET    401 403 200 200 404 200 200 200 401
api_factory_run                      PATCH  401 403 403 200 404 200 403 200 401
api_factory_stop                     POST   401 403 403 200 404 200 403 200 401
api_factory_go_on                    POST   401 403 403 200 404 200 403 200 401
api_factory_candidates               GET    401 403 200 200 404 200 200 200 401
api_factory_next                     POST   401 403 403 200 404 200 403 200 401
api_factory_candidate                POST   401 403 403 200 404 200 403 200 401
api_rounds                           GET    401 403 200 200 404 200 200 200 401
api_rounds                           POST   401 403 403 201 404 201 403 201 401
api_round                            GET    401 403 200 200 404 200 200 200 401
api_round                            PATCH  401 403 403 200 404 200 403 200 401
api_round_step                       POST   401 403 403 200 404 200 403 200 401
api_round_pause                      POST   401 403 403 200 404 200 403 200 401
api_round_resume                     POST   401 403 403 200 404 200 403 200 401
api_studies                          GET    401 403 200 200 404 200 200 200 401
api_studies                          POST   401 403 403 201 404 201 403 201 401
api_study                            GET    401 403 200 200 404 200 200 200 401
api_study_compare                    POST   401 403 403 200 404 200 403 200 401
api_maps                             GET    401 403 200 200 404 200 200 200 401
api_maps                             POST   401 403 403 201 404 201 403 201 401
api_map                              GET    401 403 200 200 404 200 200 200 401
api_map                              DELETE 401 403 403 204 404 204 403 204 401
api_map_points                       GET    401 403 200 200 404 200 200 200 401
api_map_tag                          POST   401 403 403 201 404 201 403 201 401
api_runs                             GET    401 403 200 200 404 200 200 200 401
api_runs                             POST   401 403 403 201 404 201 403 201 401
api_run                              GET    401 403 200 200 404 200 200 200 401
api_run_metrics                      GET    401 403 200 200 404 200 200 200 401
api_held_out                         GET    401 403 200 200 404 200 200 200 401
api_held_out                         POST   401 403 403 201 404 201 403 201 401
api_suspicious                       POST   401 403 403 201 404 201 403 201 401
api_run_stop                         POST   401 403 403 200 404 200 403 200 401
api_run_resume                       POST   401 403 403 200 404 200 403 200 401
api_nothing_here                     DELETE 404 404 404 404 404 404 404 404 404
api_nothing_here                     GET    404 404 404 404 404 404 404 404 404
api_nothing_here                     PATCH  404 404 404 404 404 404 404 404 404
api_nothing_here                     POST   404 404 404 404 404 404 404 404 404
api_nothing_here                     PUT    404 404 404 404 404 404 404 404 404
"""


@dataclass(frozen=True)
class Setup:
    """`data`: the body. `before`: what must have happened. `kwargs`: other ids in the address.
    `allows`: fields of the form that are on another page and not in `data`.
    """

    data: dict[str, Any] | Callable[[World], dict[str, Any]] | None = None
    before: Callable[[World], None] | None = None
    kwargs: Callable[[World], dict[str, Any]] | None = None
    allows: frozenset[str] = frozenset()


def archived(world: World) -> None:
    from webapp.workspaces.actions.workspace import archive_workspace

    archive_workspace(workspace=world.ours, by=world.people["manager"])


def with_second_factor(world: World) -> None:
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    for person in world.people.values():
        TOTP.activate(person, generate_totp_secret())
        RecoveryCodes.activate(person)


def failed(world: World) -> None:
    from webapp.jobs.models import Job

    Job.objects.filter(pk=world.kwargs["job"]).update(
        state="failed", error="It broke.", finished_at=Now()
    )


def stopped(world: World) -> None:
    from training.models import TrainingRun
    from webapp.jobs.actions.cancel import cancel

    job = TrainingRun.objects.get(pk=world.kwargs["run"]).job
    assert job is not None
    cancel(job=job, by=world.people["manager"])


def answered(world: World) -> None:
    """The run has kept answers to one prompt at two steps."""
    from training.models import RunEvent

    for step in (0, 10):
        data = {"prompt": "Cups?", "completion": f"Answer {step}", "score": step / 10}
        RunEvent.objects.create(
            run_id=world.kwargs["run"], attempt=1, kind="sample", step=step, at=Now(), data=data
        )


def held_out(world: World) -> None:
    """... and a reward model has scored them the other way round."""
    from training.models import HeldOutMeasure, HeldOutScore, MeasureKind, ModelVersion, RunEvent

    answered(world)
    measure = HeldOutMeasure.objects.create(
        run_id=world.kwargs["run"],
        kind=MeasureKind.REWARD,
        reward=ModelVersion.objects.get(pk=world.kwargs["model"]),
    )
    for event in RunEvent.objects.filter(run_id=world.kwargs["run"], kind="sample"):
        HeldOutScore.objects.create(measure=measure, event=event, value=-(event.step or 0))


def measure_of(world: World) -> int:
    from training.models import HeldOutMeasure

    found = HeldOutMeasure.objects.filter(run_id=world.kwargs["run"]).first()
    return found.pk if found is not None else 0


def trained(world: World) -> None:
    from annotation.models import Assignment, Item

    held = Assignment.objects.get(pk=world.kwargs["assignment"])
    Item.objects.filter(pk=held.item_id).update(
        purpose="training", expected={"better": held.shown_order[0]}
    )
    Assignment.objects.filter(pk=held.pk).update(
        purpose="training", state="submitted", submitted_at=Now(), lease_until=None
    )


def to_be_reviewed(world: World) -> None:
    """The annotator has answered, and the campaign has everything read."""
    from annotation.models import Assignment

    held = Assignment.objects.get(pk=world.kwargs["assignment"])
    held.campaign.review = "everything"
    held.campaign.save(update_fields=["review"])
    Assignment.objects.filter(pk=held.pk).update(
        state="submitted", submitted_at=Now(), lease_until=None
    )


def with_a_file(world: World) -> None:
    from webapp.artifacts import writing
    from webapp.jobs.models import Job

    with writing("jobs/matrix/audit.csv", name="audit.csv", content_type="text/csv") as file:
        file.write(b"at\r\n")
    assert file.artifact is not None
    Job.objects.filter(pk=world.kwargs["job"]).update(
        state="done", finished_at=Now(), result={"artifact": file.artifact.as_dict()}
    )


def imported(world: World) -> None:
    from annotation.imports.report import ImportReport
    from annotation.models import Import

    Import.objects.filter(pk=world.kwargs["imported"]).update(
        state="imported",
        imported_at=Now(),
        report=ImportReport("trl_prompt_only", "", "jsonl", "", "").for_row(),
    )


def reset_key(world: World) -> dict[str, Any]:
    from allauth.account.forms import default_token_generator

    return {"key": default_token_generator.make_token(world.people["annotator"])}


def confirmation_key(world: World) -> dict[str, Any]:
    from allauth.account.models import EmailAddress, EmailConfirmationHMAC

    address, _ = EmailAddress.objects.get_or_create(
        user=world.people["annotator"], email="ann@new.test"
    )
    return {"key": EmailConfirmationHMAC(address).key}


ASKING = {"temperature": "0.5", "top_p": "1", "max_tokens": "9", "seed": "1", "system": "Be kind."}


def a_launch_over_rest(world: World) -> dict[str, Any]:
    form = a_launch(world)
    snapshots = {"train": form["data.train"]}
    return {"name": "another", "method": "sft", "base": form["base"], "snapshots": snapshots}


def unused_model(world: World) -> None:
    """No unfinished run needs it."""
    from training.models import ModelVersion, RunModel
    from webapp.jobs.models import Job

    kept = ModelVersion.objects.get(pk=world.kwargs["model"])
    jobs = RunModel.objects.filter(version=kept).values("run__job")
    Job.objects.filter(pk__in=jobs).update(state="cancelled", finished_at=Now())


def an_adapter(world: World) -> None:
    """The model is one, and a base for it is there."""
    from tests.training.registry import a_model
    from training.models import ModelVersion

    kept = ModelVersion.objects.get(pk=world.kwargs["model"])
    a_model(kept.workspace, kept.created_by, "its-base")
    ModelVersion.objects.filter(pk=kept.pk).update(kind="adapter", facts={"adapts": "policy"})


def to_merge(world: World) -> dict[str, Any]:
    from training.models import ModelVersion

    base = ModelVersion.objects.filter(workspace=world.ours, name="its-base").last()
    return {"base": base.pk if base is not None else 0, "name": "merged"}


def another_reward_model(world: World) -> None:
    """One that has scored nothing yet."""
    from tests.training.scoring.world import a_reward
    from training.models import Scoring

    scoring = Scoring.objects.get(pk=world.kwargs["scoring"])
    a_reward(scoring.workspace, scoring.created_by, "another")


def to_score(world: World) -> dict[str, Any]:
    from training.models import ModelVersion

    made = ModelVersion.objects.filter(workspace=world.ours, name="another", kind="reward").last()
    return {"reward": made.pk if made is not None else 0}


def to_score_over_rest(world: World) -> dict[str, Any]:
    from training.models import Scoring

    scoring = Scoring.objects.get(pk=world.kwargs["scoring"])
    return {**to_score(world), "sampling": scoring.batch_id}


A_ROUND = {
    "name": "another",
    "result": "better",
    "recipe": "dpo",
    "temperatures": "0.5, 1.0",
    "samples": "1",
    "kind": "comparison",
    "answers": "2",
    "overlap": "1",
    "data": "all",
    "seed": "0",
    "compare_split": "held_out",
    "compare_most": "10",
    "earlier": "1",
}


def a_round(world: World) -> dict[str, Any]:
    return {**A_ROUND, "base": world.kwargs["model"]}


def a_round_over_rest(world: World) -> dict[str, Any]:
    wanted = {"name": "another", "result": "better", "recipe": "dpo", "temperatures": [0.5, 1.0]}
    return {**wanted, "base": world.kwargs["model"]}


SELF_INSTRUCT_NUMBERS = {
    "wanted": "9",
    "most_requests": "9",
    "at_once": "5",
    "human": "6",
    "machine": "2",
    "most_instances": "5",
    "temperature": "0.7",
    "top_p": "0.5",
    "presence_penalty": "2",
    "max_tokens": "99",
    "answer_tokens": "99",
    "threshold": "0.7",
    "rule": "code",
    "seed": "0",
}
SELF_INSTRUCT_BOXES = ("classes_only", "opening", "other_scripts", "bare_answers")
SAFE_NUMBERS = {
    name: value
    for name, value in SELF_INSTRUCT_NUMBERS.items()
    if name not in ("wanted", "most_requests", "human", "machine", "most_instances")
}


def a_factory_run(world: World) -> dict[str, Any]:
    said = {"name": "another", "seeds": "all", "model": world.kwargs["endpoint"]}
    return said | SELF_INSTRUCT_NUMBERS


def a_safe_run(world: World) -> dict[str, Any]:
    said = {"name": "another", "seeds": "all", "model": world.kwargs["endpoint"]}
    return said | SAFE_NUMBERS | {"paraphrases": "1"}


def a_factory_run_over_rest(world: World) -> dict[str, Any]:
    model = f"model-0-{world.ours.slug}"
    return {"name": "another", "wizard": "self_instruct", "model": model}


def stopped_factory(world: World) -> None:
    from training.factory.actions.steer import stop_run
    from training.models import FactoryRun

    run = FactoryRun.objects.get(pk=world.kwargs["factory_run"])
    stop_run(run=run, by=world.people["manager"])


def a_study(world: World) -> dict[str, Any]:
    from training.models import Study

    study = Study.objects.get(pk=world.kwargs["study"])
    return {
        "name": "another",
        "method": study.method,
        "base": study.base_id,
        "snapshot": study.snapshot_id,
    }


TASK = {"definition": "Say yes.", "parts": ["definition"], "shots": "2", "first": "0"}


def a_task_with_an_instance(world: World) -> None:
    from annotation.models import InstructionTask

    content = {"Definition": ["Say yes."], "Instances": [{"input": "Well?", "output": ["Yes"]}]}
    InstructionTask.objects.filter(pk=world.kwargs["task"]).update(content=content)


def a_map(world: World) -> dict[str, Any]:
    """A plan of another map, as the API takes it."""
    from training.models import PromptMap

    row = PromptMap.objects.get(pk=world.kwargs["map"])
    return {"name": "another", "model": row.version_id, "sets": ["all"]}


def trained_study(world: World) -> None:
    """... whose models can be asked."""
    from tests.training.studies.world import trained_all
    from training.models import Study

    trained_all(Study.objects.get(pk=world.kwargs["study"]))


def paused(world: World) -> None:
    from training.models import Round
    from training.rounds.actions.steer import pause_round

    found = Round.objects.get(pk=world.kwargs["round"])
    pause_round(found=found, by=world.people["manager"])


def a_launch(world: World) -> dict[str, Any]:
    from training.models import TrainingRun

    run = TrainingRun.objects.get(pk=world.kwargs["run"])
    base, data = run.models.get(), run.data.get()
    return {
        "name": "another",
        "base": base.version_id,
        "data.train": data.snapshot_id,
        "seed": 3,
        "do": "launch",
    }


def settled(world: World) -> None:
    from annotation.actions.settle_cluster import settle_cluster
    from annotation.models import DuplicateCluster

    settle_cluster(
        cluster=DuplicateCluster.objects.get(pk=world.kwargs["cluster"]),
        by=world.people["manager"],
        decision="retired",
        keep=world.kwargs["prompt"],
    )


BOARD = {
    "name": "Helpfulness",
    "ties": "half",
    "interval": "clustered",
    "weights": "none",
    "stopping": "none",
    "looks": 5,
    "anchor_rating": 1000,
    "elo_k": 4,
    "seed": 0,
}
NEW_PASSWORD = "another long enough secret"
SETUPS: dict[tuple[str, str], Setup] = {
    ("workspace_new", "POST"): Setup({"name": "Tea spoons"}),
    ("invitation", "POST"): Setup({"name": "New", "password": NEW_PASSWORD}),
    ("workspace_settings", "POST"): Setup({"name": "Other cups", "description": "Of paper"}),
    ("workspace_restore", "POST"): Setup(before=archived),
    ("workspace_delete", "GET"): Setup(before=archived),
    ("workspace_delete", "POST"): Setup({"typed": "paper-cups"}, before=archived),
    ("workspace_role", "POST"): Setup({"role": "viewer"}),
    ("workspace_invitations", "POST"): Setup({"email": "more@cups.test", "role": "viewer"}),
    ("account_profile", "POST"): Setup({"name": "Other", "time_zone": "Europe/Berlin"}),
    ("usersessions_list", "POST"): Setup({"others": "yes"}),
    ("account_tokens", "POST"): Setup({"name": "script", "scope": "read", "days": "7"}),
    ("account_login", "POST"): Setup(
        lambda world: {"login": "ann@rondo.test", "password": "a long enough secret"}
    ),
    ("account_reauthenticate", "POST"): Setup({"password": "a long enough secret"}),
    ("account_email", "POST"): Setup({"action_add": "yes", "email": "mine@else.test"}),
    ("account_change_password", "POST"): Setup(
        {
            "oldpassword": "a long enough secret",
            "password1": NEW_PASSWORD,
            "password2": NEW_PASSWORD,
        }
    ),
    ("account_reset_password", "POST"): Setup({"email": "ann@rondo.test"}),
    ("account_reset_password_from_key", "GET"): Setup(kwargs=reset_key),
    ("account_confirm_email", "GET"): Setup(kwargs=confirmation_key),
    ("account_confirm_email", "POST"): Setup(kwargs=confirmation_key),
    ("mfa_reauthenticate", "GET"): Setup(before=with_second_factor),
    ("mfa_deactivate_totp", "GET"): Setup(before=with_second_factor),
    ("mfa_deactivate_totp", "POST"): Setup(before=with_second_factor),
    ("mfa_view_recovery_codes", "GET"): Setup(before=with_second_factor),
    ("mfa_generate_recovery_codes", "GET"): Setup(before=with_second_factor),
    ("mfa_generate_recovery_codes", "POST"): Setup(before=with_second_factor),
    ("mfa_download_recovery_codes", "GET"): Setup(before=with_second_factor),
    ("site_person_new", "POST"): Setup({"email": "added@rondo.test", "name": "Added"}),
    ("annotation:import_new", "POST"): Setup(
        lambda world: {"file": SimpleUploadedFile("a.jsonl", b'{"prompt": "x"}')},
        allows=frozenset({"file", "licence"}),
    ),
    ("annotation:task_new", "POST"): Setup({"name": "another"}, allows=frozenset({"licence"})),
    ("annotation:task", "POST"): Setup(TASK),
    ("annotation:task_preview", "POST"): Setup(TASK),
    ("annotation:conversion_new", "POST"): Setup(
        lambda world: {"file": SimpleUploadedFile("a.jsonl", b'{"text": "x", "label": 1}')},
        allows=frozenset({"file", "licence", "task"}),
    ),
    ("annotation:conversion_tutorial", "POST"): Setup({"task": "nli"}),
    ("annotation:conversion", "POST"): Setup({"act": "task", "task": "nli"}),
    ("annotation:import_undo", "GET"): Setup(before=imported),
    ("annotation:import_undo", "POST"): Setup(before=imported),
    ("api_import_undo", "POST"): Setup(before=imported),
    ("api_tasks", "POST"): Setup({"name": "another"}),
    ("api_task", "PATCH"): Setup({"parts": ["definition"], "shots": 1}),
    ("api_task_prompts", "POST"): Setup(before=a_task_with_an_instance),
    ("api_imports", "POST"): Setup({"name": "a.jsonl", "text": '{"prompt": "x"}'}),
    ("annotation:campaign_new", "POST"): Setup(
        {
            "name": "Helpfulness",
            "kind": "comparison",
            "answers": 2,
            "overlap": 1,
            "repeats": 0,
            "minutes": 60,
        }
    ),
    ("annotation:check", "POST"): Setup(
        {"choice": "left", "purpose": "gold", "explanation": "It is true."},
        allows=frozenset({"comment", "strength"}),
    ),
    ("annotation:attributes", "POST"): Setup(
        {"name": "kind", "question": "Is it kind?", "lowest": "1", "highest": "5"}
    ),
    ("annotation:check_promote", "POST"): Setup({"people": "3", "agreement": "100"}),
    ("annotation:suggestions", "POST"): Setup(
        lambda world: {
            "name": "rules",
            "file": SimpleUploadedFile(
                "a.jsonl", b'{"item": %d, "choice": "tie"}' % world.kwargs["item"]
            ),
        },
        allows=frozenset({"suggester"}),
    ),
    ("api_suggestions", "POST"): Setup(
        lambda world: {
            "name": "rules",
            "rows": [{"item": world.kwargs["item"], "choice": "tie"}],
        }
    ),
    ("annotation:thresholds", "POST"): Setup(
        lambda world: {"state": "paused", "person": str(world.kwargs["person"])}
    ),
    ("annotation:standing", "POST"): Setup({"state": "paused", "reason": "Too fast."}),
    ("annotation:work_feedback", "GET"): Setup(before=trained),
    ("annotation:crowd_page", "POST"): Setup(
        {"platform": "prolific", "answers": "5", "places": "10"},
        allows=frozenset(
            {"completion_code", "completion_url", "screen_out_code", "screen_out_url"}
        ),
    ),
    ("api_crowd", "POST"): Setup({"platform": "mturk", "answers": 3}),
    ("annotation:campaign_settings", "POST"): Setup(
        {"overlap": "1", "minutes": "60", "repeats": "0"},
        allows=frozenset(
            {"cap", "daily", "deadline", "content_warning", "pause_below", "review", "reviewers"}
        ),
    ),
    ("annotation:review_grid", "POST"): Setup(
        lambda world: {"item": str(world.kwargs["item"])}, before=to_be_reviewed
    ),
    ("api_reviews_accept", "POST"): Setup(
        lambda world: {"items": [world.kwargs["item"]]}, before=to_be_reviewed
    ),
    ("annotation:review_item", "POST"): Setup({"act": "accept"}, before=to_be_reviewed),
    ("api_review", "POST"): Setup({"act": "accept"}, before=to_be_reviewed),
    ("annotation:prompt_new", "POST"): Setup(
        {"text": "What is tea?", "split": "train"},
        allows=frozenset({"system", "use_case", "tags", "language", "source", "licence"}),
    ),
    ("annotation:prompt_edit", "POST"): Setup(
        lambda world: {"kind": "tag", "tag": "near", "id": [world.kwargs["prompt"]]},
        allows=frozenset({"filter", "everything", "split", "use_case", "prompt"}),
    ),
    ("annotation:prompt_undo", "POST"): Setup({}, allows=frozenset({"filter"})),
    ("annotation:view_save", "POST"): Setup(
        {"name": "All poems", "filter": "q=poem"}, allows=frozenset({"shared", "sort"})
    ),
    ("annotation:duplicates_search", "POST"): Setup({"threshold": "0.8"}),
    ("annotation:duplicates_settle", "POST"): Setup(
        lambda world: {"cluster": world.kwargs["cluster"], "decision": "retired", "rule": "oldest"}
    ),
    ("annotation:cluster_settle", "POST"): Setup(
        lambda world: {"decision": "retired", "keep": world.kwargs["prompt"]}
    ),
    ("annotation:cluster_undo", "POST"): Setup(before=settled),
    ("annotation:use_case_save", "POST"): Setup({"name": "tea", "words": "tea"}),
    ("api_prompts", "POST"): Setup({"messages": [{"role": "user", "content": "What is tea?"}]}),
    ("api_prompts_near", "POST"): Setup({"messages": [{"role": "user", "content": "What is?"}]}),
    ("annotation:leakage_protect", "POST"): Setup(
        lambda world: {"set": f"campaign-{world.kwargs['campaign']}", "on": "yes"}
    ),
    ("api_prompts_protected", "POST"): Setup(
        lambda world: {"kind": "campaign", "id": world.kwargs["campaign"], "protects": True}
    ),
    ("api_prompt_edits", "POST"): Setup(
        lambda world: {"kind": "split", "value": "held_out", "ids": [world.kwargs["prompt"]]}
    ),
    ("annotation:board_new", "POST"): Setup(BOARD | {"name": "Politeness"}),
    ("annotation:board_change", "POST"): Setup(BOARD),
    ("annotation:board_campaign", "POST"): Setup(
        {
            "name": "Pairs",
            "kind": "comparison",
            "answers": 4,
            "strategy": "misorder",
            "uniform": 10,
            "most": 10,
            "batch": 5,
            "overlap": 1,
        }
    ),
    ("annotation:board_share", "POST"): Setup({"on": "on"}),
    ("annotation:board_freeze", "POST"): Setup({"name": "Round 2, before"}),
    ("api_boards", "POST"): Setup({"name": "Politeness"}),
    ("api_board", "PATCH"): Setup({"name": "Politeness"}),
    ("api_board_snapshots", "POST"): Setup({"name": "Round 2, before"}),
    ("annotation:campaign_state", "POST"): Setup({"state": "paused"}),
    ("annotation:campaign_guidelines", "POST"): Setup({"text": "Be kind."}),
    ("annotation:work_submit", "POST"): Setup({"choice": "left"}),
    ("annotation:work_skip", "POST"): Setup({"reason": "unclear"}),
    ("annotation:work_draft", "POST"): Setup(
        {"reason": "so far", "draft_version": "0"},
        allows=frozenset(
            {"prompt", "use_case", "verdict", "text", "choice", "comment", "strength"}
        ),
    ),
    ("annotation:work_nearness", "POST"): Setup({"text": "Tell me a short fact."}),
    ("api_submit", "POST"): Setup(
        {"key": "7f4df0a0-4cb3-4e2b-9a4b-0f6f2f0f9d11", "attempt": 1, "choice": "left"}
    ),
    ("api_samplings", "POST"): Setup(
        lambda world: {"name": "Answers", "models": [f"model-0-{world.ours.slug}"]}
    ),
    ("api_endpoints", "POST"): Setup({"name": "Copy", "kind": "recorded", "model": "model-0"}),
    ("api_endpoint", "PATCH"): Setup({"in_arena": True}),
    ("api_trial_column", "POST"): Setup({"act": "stop"}),
    ("api_trials", "POST"): Setup(
        lambda world: {"prompt": "Hello?", "models": [f"model-0-{world.ours.slug}"]}
    ),
    ("api_battle", "POST"): Setup({"text": "And then?"}),
    ("api_vote", "POST"): Setup({"choice": "left", "key": "7f4df0a0-4cb3-4e2b-9a4b-0f6f2f0f9d14"}),
    ("api_skip", "POST"): Setup({"reason": "unclear"}),
    ("training:model_import", "POST"): Setup({"name": "mine", "repository": "owner/model"}),
    ("training:model_push", "POST"): Setup(
        {"repository": "owner/model", "token": "letters-of-a-test"}, allows=frozenset({"public"})
    ),
    ("training:model_change", "POST"): Setup({"stage": "current", "note": "Good."}),
    ("training:run_new", "POST"): Setup(a_launch),
    ("api_models", "POST"): Setup({"name": "mine", "repository": "owner/model"}),
    ("api_model", "DELETE"): Setup(before=unused_model),
    ("api_model", "PATCH"): Setup({"stage": "current", "note": "Good."}),
    ("training:model_merge", "POST"): Setup(to_merge, before=an_adapter),
    ("api_model_merge", "POST"): Setup(to_merge, before=an_adapter),
    ("api_pushes", "POST"): Setup({"repository": "owner/model", "token": "letters-of-a-test"}),
    ("api_runs", "POST"): Setup(a_launch_over_rest),
    ("training:hold_out", "POST"): Setup(
        {"by": "people", "name": "Held out", "overlap": "1"},
        before=answered,
        allows=frozenset({"scorer_of"}),
    ),
    ("training:suspicious_send", "POST"): Setup(
        lambda world: {"measure": measure_of(world), "name": "Suspicious"}, before=held_out
    ),
    ("api_held_out", "POST"): Setup({"by": "people", "name": "Held out"}, before=answered),
    ("api_suspicious", "POST"): Setup(
        lambda world: {"measure": measure_of(world), "name": "Suspicious"}, before=held_out
    ),
    ("training:study_new", "POST"): Setup(
        lambda world: {**a_study(world), "sizes": "2, 4", "draw": "0"}
    ),
    ("training:prompt_map_new", "POST"): Setup(
        lambda world: {
            "name": "another",
            "version": a_map(world)["model"],
            "set_1": "all",
            "perplexity": "30",
            "seed": "0",
            "most": "100",
        }
    ),
    ("training:prompt_map_texts", "GET"): Setup({"points": "0-3"}),
    ("training:prompt_map_selection", "POST"): Setup({"points": "0-3"}),
    ("training:prompt_map_tag", "POST"): Setup({"points": "0-3", "tag": "picked"}),
    ("api_maps", "POST"): Setup(a_map),
    ("api_map_tag", "POST"): Setup({"points": [0], "tag": "picked"}),
    ("training:study_compare", "POST"): Setup(before=trained_study),
    ("api_studies", "POST"): Setup(lambda world: {**a_study(world), "sizes": [2, 4]}),
    ("api_study_compare", "POST"): Setup(before=trained_study),
    ("training:self_instruct_new", "POST"): Setup(
        a_factory_run,
        allows=frozenset({"budget", "licence", *SELF_INSTRUCT_BOXES}),
    ),
    ("training:safe_responses_new", "POST"): Setup(
        a_safe_run,
        allows=frozenset(
            {
                *("budget", "licence", "look_alikes", "check_intent", "refuse_seeds"),
                *("ask_plainly", "other_scripts"),
            }
        ),
    ),
    ("training:factory_act", "POST"): Setup({"act": "stop"}),
    ("training:factory_settings", "POST"): Setup(
        {f"set-{name}": value for name, value in SELF_INSTRUCT_NUMBERS.items()},
        allows=frozenset({"set-budget", *(f"set-{name}" for name in SELF_INSTRUCT_BOXES)}),
    ),
    ("training:factory_review", "POST"): Setup(
        lambda world: {"candidate": world.kwargs["candidate"], "act": "reject", "reason": "No."},
        allows=frozenset({"text", "input", "instruction"}),
    ),
    ("api_factory", "POST"): Setup(a_factory_run_over_rest),
    ("api_factory_run", "PATCH"): Setup({"settings": {"wanted": 5}}),
    ("api_factory_go_on", "POST"): Setup(before=stopped_factory),
    ("api_factory_candidate", "POST"): Setup({"act": "reject", "reason": "No."}),
    ("training:round_new", "POST"): Setup(a_round),
    ("training:round_resume", "POST"): Setup(before=paused),
    ("training:round_change", "POST"): Setup(
        {"judgements": "5", "automatic": "freeze"}, allows=frozenset({"votes", "next_when"})
    ),
    ("api_rounds", "POST"): Setup(a_round_over_rest),
    ("api_round", "PATCH"): Setup({"judgements": 5}),
    ("api_round_resume", "POST"): Setup(before=paused),
    ("training:recipe_new", "POST"): Setup({"name": "mine", "seed": "0"}),
    ("training:endpoint_new", "POST"): Setup(
        {"name": "Recorded", "model": "base", "in_arena": "on"}
    ),
    ("training:endpoint", "POST"): Setup({"model": "other", "in_arena": "on"}),
    ("training:sampling_new", "POST"): Setup(
        lambda world: {
            "name": "Answers",
            "models": [world.kwargs["endpoint"]],
            "temperatures": "0.7",
            "seeds": "0",
            "samples": "1",
            "top_p": "1",
            "max_tokens": "9",
            "most": "5",
            "budget": "1",
        }
    ),
    ("training:battle_act", "POST"): Setup({"act": "leave"}, allows=frozenset({"text"})),
    ("training:battle_vote", "POST"): Setup(
        {"choice": "left", "key": "7f4df0a0-4cb3-4e2b-9a4b-0f6f2f0f9d13"}
    ),
    ("training:sampling_act", "POST"): Setup({"act": "stop"}),
    ("training:sampling_score", "POST"): Setup(to_score, before=another_reward_model),
    ("training:trial_score", "POST"): Setup(to_score, before=another_reward_model),
    ("training:scoring_tag", "POST"): Setup({"tag": "hard", "lowest": "50"}),
    ("api_scoring_tag", "POST"): Setup({"tag": "hard", "lowest": 0.5}),
    ("training:scoring_check", "POST"): Setup({"name": "Fresh eyes", "overlap": "1"}),
    ("api_scorings", "POST"): Setup(to_score_over_rest, before=another_reward_model),
    ("api_scoring_check", "POST"): Setup({"name": "Fresh eyes"}),
    ("training:playground", "POST"): Setup(
        lambda world: ASKING | {"prompt": "Hello?", "models": [world.kwargs["endpoint"]]}
    ),
    ("training:probes_run", "POST"): Setup(
        lambda world: ASKING | {"models": [world.kwargs["endpoint"]]}
    ),
    ("training:trial_column", "POST"): Setup({"act": "stop"}),
    ("training:trial_demonstrate", "POST"): Setup(
        {"text": "Good.", "key": "7f4df0a0-4cb3-4e2b-9a4b-0f6f2f0f9d12"}
    ),
    ("training:snapshot_new", "POST"): Setup(
        {
            "name": "Another",
            "type": "preference",
            "ties": "keep",
            "margins": "none",
            "shape": "chat",
            "validation": "5",
        },
        allows=frozenset(JudgementFilter.PARAMETERS) | set(PromptFilter.PARAMETERS.values()),
    ),
    ("training:snapshot_export", "POST"): Setup({"format": "parquet"}, allows=frozenset({"split"})),
    ("api_snapshots", "POST"): Setup({"name": "Another", "kind": "preference"}),
    ("api_snapshot_exports", "POST"): Setup({"format": "parquet"}),
    ("workspace_job_retry", "POST"): Setup(before=failed),
    ("workspace_job_download", "GET"): Setup(before=with_a_file),
    ("site_job_retry", "POST"): Setup(before=failed),
    ("site_job_download", "GET"): Setup(before=with_a_file),
    ("site_job_start", "POST"): Setup({"kind": "doctor"}),
    ("api_job_retry", "POST"): Setup(before=failed),
    ("training:run_resume", "POST"): Setup(before=stopped),
    ("api_run_resume", "POST"): Setup(before=stopped),
    ("theme", "POST"): Setup({"theme": "dark", "next": "/"}),
    ("api_me", "PATCH"): Setup({"name": "Other"}),
    ("api_workspaces", "POST"): Setup({"name": "Tea spoons"}),
    ("api_workspace", "PATCH"): Setup({"name": "Other cups"}),
    ("api_member", "PATCH"): Setup({"role": "viewer"}),
    ("api_invitations", "POST"): Setup({"email": "more@cups.test", "role": "viewer"}),
    ("webhooks", "POST"): Setup({"url": "https://93.184.215.14/", "events": ["run.failed"]}),
    ("api_webhooks", "POST"): Setup({"url": "https://93.184.215.14/", "events": ["run.failed"]}),
}

# Addresses that no identity of the matrix gets through to, and why that is right.
UNREACHED = {
    "mfa_authenticate": "the second step of a login; tests/webapp/test_second_factor.py takes it",
    "account_confirm_login_code": "login by code is not offered; allauth keeps the address",
    "socialaccount_signup": "only a single sign-on that must ask for more leads there",
    "socialaccount_login_error": "says 401 to whoever the identity provider turned away",
    "openid_connect_login": "404 without OIDC_SERVER_URL; test_single_sign_on.py has one",
    "openid_connect_callback": "404 without OIDC_SERVER_URL; test_single_sign_on.py has one",
    "account_set_password": "for people without a password; test_single_sign_on.py has one",
    "design": "404 unless DEBUG",
    "api_vote": "needs two finished answers; tests/training/test_asking_api.py votes",
    "api_nothing_here": "its success is the 404",
}


@dataclass(frozen=True)
class Row:
    route: str
    method: str
    statuses: dict[str, int]
    setup: Setup

    def somebody(self, *candidates: str) -> str | None:
        """The first of `candidates` who gets through (below 400), if one does."""
        return next((name for name in candidates if self.statuses[name] < 400), None)


def rows() -> list[Row]:
    found = []
    for line in TABLE.strip().splitlines():
        route, method, *statuses = line.split()
        numbers = dict(zip(IDENTITIES, map(int, statuses), strict=True))
        found.append(Row(route, method, numbers, SETUPS.get((route, method), Setup())))
    return found


def request_of(row: Row, world: World) -> tuple[str, Any]:
    """(address, body) of a row, with what must have happened before done."""
    setup = row.setup
    if setup.before:
        setup.before(world)
    other = setup.kwargs(world) if setup.kwargs else {}
    data = setup.data(world) if callable(setup.data) else setup.data
    return world.address(row.route, **other), data
