# flake8: noqa

# import apis into api package
from llmwright_provisioner_karpenter.karpenter_client.api.karpenter_sh_v1_api import KarpenterShV1Api

