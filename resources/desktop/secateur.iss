; The installer for Windows, by Inno Setup 6: `iscc resources\desktop\secateur.iss` after
; `make bundle`. For one person, without an administrator; uninstalling takes all of it back.

#define Version GetVersionNumbersString("..\..\dist\secateur\secateur.exe")

[Setup]
AppId={{8C0B6B0E-2F0B-4E0C-9C59-5B5A0E6B7D11}
AppName=Secateur
AppVersion={#Version}
AppPublisher=The Secateur developers
DefaultDirName={autopf}\Secateur
DisableProgramGroupPage=yes
PrivilegesRequired=lowest
ChangesAssociations=yes
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
LicenseFile=..\..\LICENSE
OutputDir=..\..\dist
OutputBaseFilename=secateur-{#Version}-setup
UninstallDisplayIcon={app}\secateur.exe
Compression=lzma2
SolidCompression=yes

[Files]
Source: "..\..\dist\secateur\*"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion

[Icons]
Name: "{autoprograms}\Secateur"; Filename: "{app}\secateur.exe"

[Registry]
; Projects belong to Secateur; for checkpoints it is only offered under "Open with".
Root: HKA; Subkey: "Software\Classes\.secateur"; ValueType: string; ValueData: "Secateur.Project"; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\.secateur\OpenWithProgids"; ValueType: string; ValueName: "Secateur.Project"; ValueData: ""; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\.pt\OpenWithProgids"; ValueType: string; ValueName: "Secateur.Checkpoint"; ValueData: ""; Flags: uninsdeletevalue
Root: HKA; Subkey: "Software\Classes\Secateur.Project"; ValueType: string; ValueData: "Secateur project"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Secateur.Project\DefaultIcon"; ValueType: string; ValueData: "{app}\secateur.exe,0"
Root: HKA; Subkey: "Software\Classes\Secateur.Project\shell\open\command"; ValueType: string; ValueData: """{app}\secateur.exe"" ""%1"""
Root: HKA; Subkey: "Software\Classes\Secateur.Checkpoint"; ValueType: string; ValueData: "YOLO checkpoint"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Secateur.Checkpoint\DefaultIcon"; ValueType: string; ValueData: "{app}\secateur.exe,0"
Root: HKA; Subkey: "Software\Classes\Secateur.Checkpoint\shell\open\command"; ValueType: string; ValueData: """{app}\secateur.exe"" ""%1"""
