from django.urls import URLPattern, URLResolver, path

from webapp.audit.views import workspace_audit, workspace_audit_export
from webapp.workspaces.views import invitation, members, workspace

urlpatterns: list[URLPattern | URLResolver] = [
    path("", workspace.home, name="home"),
    path("workspaces/", workspace.workspaces, name="workspaces"),
    path("workspaces/new/", workspace.new_workspace, name="workspace_new"),
    path("invitations/<str:secret>/", invitation.invitation, name="invitation"),
    path("w/<slug:slug>/", workspace.workspace_home, name="workspace_home"),
    path("w/<slug:slug>/settings/", workspace.settings, name="workspace_settings"),
    path("w/<slug:slug>/settings/archive/", workspace.archive, name="workspace_archive"),
    path("w/<slug:slug>/settings/restore/", workspace.restore, name="workspace_restore"),
    path("w/<slug:slug>/settings/delete/", workspace.delete, name="workspace_delete"),
    path("w/<slug:slug>/members/", members.members, name="workspace_members"),
    path("w/<slug:slug>/members/<int:member>/role/", members.change_member, name="workspace_role"),
    path("w/<slug:slug>/members/<int:member>/remove/", members.remove, name="workspace_remove"),
    path("w/<slug:slug>/invitations/", members.invitations, name="workspace_invitations"),
    path(
        "w/<slug:slug>/invitations/<int:invitation>/resend/",
        members.resend_invitation,
        name="workspace_invitation_resend",
    ),
    path(
        "w/<slug:slug>/invitations/<int:invitation>/revoke/",
        members.revoke_invitation,
        name="workspace_invitation_revoke",
    ),
    path("w/<slug:slug>/audit/", workspace_audit, name="workspace_audit"),
    path("w/<slug:slug>/audit/export/", workspace_audit_export, name="workspace_audit_export"),
]
